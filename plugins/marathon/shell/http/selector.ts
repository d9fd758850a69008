import { unprocessable } from '../../core/commands/refusal.js';

/** Label selectors: `a==b, c!=d, e in (f,g), h notin (i), j`. All of them must hold; != and notin want the label to be there. */
export type Selector = (labels: Readonly<Record<string, string>>) => boolean;

const MAX_LENGTH = 4096;
const TERM = String.raw`(?:\\.|[-A-Za-z0-9_.])+`;
const REQUIREMENT = new RegExp(
  String.raw`\s*(${TERM})\s*(?:(==|!=)\s*(${TERM})|\s(in|notin)\s*\(([^()]*)\))?\s*(?:,|$)`,
  'y',
);

export function parseSelector(text: string): Selector {
  const fail = (reason: string) =>
    unprocessable(`Can not parse label selector '${text.slice(0, 200)}'. Reason: ${reason}`);
  if (text.length > MAX_LENGTH) throw fail(`longer than ${MAX_LENGTH} characters`);
  const tests: Selector[] = [];
  REQUIREMENT.lastIndex = 0;
  while (REQUIREMENT.lastIndex < text.length) {
    const at = REQUIREMENT.lastIndex;
    const match = REQUIREMENT.exec(text);
    if (match === null) throw fail(`unexpected text at position ${at}`);
    const [, key = '', comparison, value, membership, set] = match;
    tests.push(testFor(unescape(key), comparison, value, membership, set));
  }
  if (tests.length === 0) throw fail('it is empty');
  return (labels) => tests.every((test) => test(labels));
}

function testFor(key: string, comparison?: string, value?: string, membership?: string, set?: string): Selector {
  const of = (labels: Readonly<Record<string, string>>) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const wanted = value === undefined ? set?.split(',').map((each) => unescape(each.trim())) : [unescape(value)];
  if (wanted === undefined) return (labels) => of(labels) !== undefined;
  const inside = comparison === '==' || membership === 'in';
  return (labels) => {
    const found = of(labels);
    return found !== undefined && wanted.includes(found) === inside;
  };
}

const unescape = (term: string): string => term.replace(/\\(.)/g, '$1');
