import { messageOf, MezzoError } from './errors.js';

/**
 * Regular expressions that cannot be made to take for ever: the time to match is bounded by length of pattern times length of text, so
 * users may bring their own. The syntax is what RE2, Java and JavaScript have in common: `.` (all but a line feed), classes, groups,
 * `|`, `* + ? {m,n}` (lazy or not), `^ $ \A \z \b \B`, `\d \w \s` and their opposites, `\t \n \r \f \v \xHH \x{H} \uHHHH`. No
 * flags, no look-around, no back-references.
 */
export interface Pattern {
  readonly source: string;
  /** Whether the whole text is described. */
  matches(text: string): boolean;
}

type Test = (point: number) => boolean;
type Assertion = (points: readonly number[], at: number) => boolean;
type Node =
  | { readonly kind: 'set'; readonly test: Test }
  | { readonly kind: 'assert'; readonly holds: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly nodes: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number };

const MAX_SOURCE = 1024;
const MAX_STEPS = 10_000;
const MAX_COUNT = 1000;
const MAX_DEPTH = 50;

/** Throws INVALID_PATTERN, which says where and why. */
export function compilePattern(source: string): Pattern {
  const program = new Program();
  program.add(new Parser(source).parse());
  const { steps } = program;
  return { source, matches: (text) => run(steps, text) };
}

/** Why a text is no pattern. Undefined when it is one. */
export function patternError(source: string): string | undefined {
  try {
    compilePattern(source);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

class Parser {
  private at = 0;
  private depth = 0;
  private readonly chars: readonly string[];

  constructor(source: string) {
    this.chars = [...source];
    if (this.chars.length > MAX_SOURCE) this.fail(`it is longer than ${MAX_SOURCE} characters`);
  }

  parse(): Node {
    const node = this.choice();
    if (this.at < this.chars.length) this.fail('a closing parenthesis that nothing opened');
    return node;
  }

  private fail(why: string): never {
    throw new MezzoError('INVALID_PATTERN', `'${this.chars.join('')}' at ${this.at + 1}: ${why}`, { blame: 'user' });
  }

  private get next(): string | undefined {
    return this.chars[this.at];
  }

  private take(text: string): boolean {
    const found = this.chars.slice(this.at, this.at + text.length).join('') === text;
    if (found) this.at += text.length;
    return found;
  }

  private choice(): Node {
    if (++this.depth > MAX_DEPTH) this.fail(`groups are nested deeper than ${MAX_DEPTH}`);
    const nodes = [this.sequence()];
    while (this.take('|')) nodes.push(this.sequence());
    this.depth--;
    return { kind: 'choice', nodes };
  }

  private sequence(): Node {
    const nodes: Node[] = [];
    while (this.next !== undefined && this.next !== '|' && this.next !== ')') nodes.push(this.repeated());
    return { kind: 'sequence', nodes };
  }

  private repeated(): Node {
    const node = this.atom();
    const bounds = this.bounds();
    if (bounds === undefined) return node;
    this.take('?');
    if (this.bounds() !== undefined) this.fail('a repetition of a repetition');
    return { kind: 'repeat', node, ...bounds };
  }

  private bounds(): { min: number; max: number } | undefined {
    if (this.take('*')) return { min: 0, max: Infinity };
    if (this.take('+')) return { min: 1, max: Infinity };
    if (this.take('?')) return { min: 0, max: 1 };
    if (this.next !== '{') return undefined;
    const [text, low = '', comma, high = ''] = /^\{(\d+)(,?)(\d*)\}/.exec(this.chars.slice(this.at).join('')) ?? [];
    if (text === undefined || (comma === '' && high !== '')) return undefined;
    const max = comma === '' ? Number(low) : high === '' ? Infinity : Number(high);
    if (Number(low) > max || Number(low) > MAX_COUNT || (max !== Infinity && max > MAX_COUNT))
      this.fail(`counts must be in order, and at most ${MAX_COUNT}`);
    this.at += text.length;
    return { min: Number(low), max };
  }

  private atom(): Node {
    const char = this.chars[this.at++]!;
    switch (char) {
      case '(':
        return this.group();
      case '[':
        return { kind: 'set', test: this.set() };
      case '.':
        return { kind: 'set', test: (point) => point !== 10 };
      case '^':
        return { kind: 'assert', holds: (_, at) => at === 0 };
      case '$':
        return { kind: 'assert', holds: (points, at) => at === points.length };
      case '\\':
        return this.escaped();
      case '*':
      case '+':
      case '?':
        return this.fail('a repetition of nothing');
      default:
        return { kind: 'set', test: is(char.codePointAt(0)!) };
    }
  }

  private group(): Node {
    if (this.take('?') && !this.take(':')) {
      const name = /^P?<[A-Za-z_]\w*>/.exec(this.chars.slice(this.at).join(''))?.[0];
      if (name === undefined) this.fail('flags and look-around are not supported');
      this.at += name.length;
    }
    const node = this.choice();
    if (!this.take(')')) this.fail('a group that nothing closes');
    return node;
  }

  private escaped(): Node {
    const char = this.next;
    const assertion = char === undefined ? undefined : ASSERTIONS[char];
    if (assertion === undefined) return { kind: 'set', test: this.escape() };
    this.at++;
    return { kind: 'assert', holds: assertion };
  }

  /** After the backslash: a class, or one character. */
  private escape(): Test {
    const shorthand = this.next === undefined ? undefined : SHORTHANDS[this.next];
    if (shorthand === undefined) return is(this.point());
    this.at++;
    return shorthand;
  }

  private point(): number {
    const char = this.chars[this.at++];
    if (char === undefined) return this.fail('a backslash at the end');
    const control = CONTROLS[char];
    if (control !== undefined) return control;
    if (char === 'x' || char === 'u') return this.hex(char);
    if (/[A-Za-z0-9]/.test(char)) return this.fail(`\\${char} is not supported`);
    return char.codePointAt(0)!;
  }

  private hex(kind: 'x' | 'u'): number {
    const form = kind === 'x' ? /^(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/ : /^([0-9A-Fa-f]{4})/;
    const [text, plain, braced] = form.exec(this.chars.slice(this.at).join('')) ?? this.fail(`\\${kind} needs digits`);
    this.at += text.length;
    return parseInt(plain ?? braced!, 16);
  }

  private set(): Test {
    const negated = this.take('^');
    const tests: Test[] = [];
    while (!this.take(']')) {
      if (this.next === undefined) this.fail('a class that nothing closes');
      if (this.next === '[') this.fail('a bracket in a class: escape it');
      tests.push(this.member());
    }
    if (tests.length === 0) this.fail('a class of nothing');
    const test: Test = (point) => tests.some((one) => one(point));
    return negated ? (point) => !test(point) : test;
  }

  private member(): Test {
    const isEscape = this.take('\\');
    const shorthand = isEscape && this.next !== undefined ? SHORTHANDS[this.next] : undefined;
    if (shorthand !== undefined) {
      this.at++;
      return shorthand;
    }
    const low = isEscape ? this.point() : this.chars[this.at++]!.codePointAt(0)!;
    const [dash, after] = [this.next, this.chars[this.at + 1]];
    if (dash !== '-' || after === undefined || after === ']') return is(low);
    this.at++;
    const high = this.take('\\') ? this.point() : this.chars[this.at++]!.codePointAt(0)!;
    if (high < low) this.fail('a range that ends before it begins');
    return (point) => point >= low && point <= high;
  }
}

const is =
  (wanted: number): Test =>
  (point) =>
    point === wanted;
const oneOf =
  (form: RegExp): Test =>
  (point) =>
    form.test(String.fromCodePoint(point));
const isWord = oneOf(/^[A-Za-z0-9_]$/);
const atWordEdge: Assertion = (points, at) =>
  (at > 0 && isWord(points[at - 1]!)) !== (at < points.length && isWord(points[at]!));

const SHORTHANDS: Readonly<Record<string, Test>> = {
  d: oneOf(/^[0-9]$/),
  D: oneOf(/^[^0-9]$/u),
  w: isWord,
  W: (point) => !isWord(point),
  s: oneOf(/^[\t\n\v\f\r ]$/),
  S: oneOf(/^[^\t\n\v\f\r ]$/u),
};
const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  A: (_, at) => at === 0,
  z: (points, at) => at === points.length,
  b: atWordEdge,
  B: (points, at) => !atWordEdge(points, at),
};
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 };

type Step =
  | { readonly op: 'set'; readonly test: Test }
  | { readonly op: 'assert'; readonly holds: Assertion }
  /** Goes on at both. */
  | { readonly op: 'fork'; to: readonly number[] };

/** Steps of a machine that is in many places at once; the end of the list is the end of the pattern. */
class Program {
  readonly steps: Step[] = [];

  add(node: Node): void {
    switch (node.kind) {
      case 'set':
        return this.push({ op: 'set', test: node.test });
      case 'assert':
        return this.push({ op: 'assert', holds: node.holds });
      case 'sequence':
        return node.nodes.forEach((one) => this.add(one));
      case 'choice':
        return this.addChoice(node.nodes);
      case 'repeat':
        return this.addRepeat(node);
    }
  }

  private push(step: Step): void {
    if (this.steps.length >= MAX_STEPS)
      throw new MezzoError('INVALID_PATTERN', `the pattern has more than ${MAX_STEPS} steps`, { blame: 'user' });
    this.steps.push(step);
  }

  private fork(...to: number[]): { to: readonly number[] } {
    const step: Step = { op: 'fork', to };
    this.push(step);
    return step;
  }

  private addChoice(nodes: readonly Node[]): void {
    if (nodes.length === 1) return this.add(nodes[0]!);
    const start = this.fork();
    const starts: number[] = [];
    const ends = nodes.map((node) => {
      starts.push(this.steps.length);
      this.add(node);
      return this.fork();
    });
    start.to = starts;
    for (const end of ends) end.to = [this.steps.length];
  }

  private addRepeat({ node, min, max }: Extract<Node, { kind: 'repeat' }>): void {
    for (let i = 0; i < min; i++) this.add(node);
    if (max === Infinity) {
      const at = this.steps.length;
      const loop = this.fork();
      this.add(node);
      this.fork(at);
      loop.to = [at + 1, this.steps.length];
      return;
    }
    const skips = Array.from({ length: max - min }, () => {
      const at = this.steps.length;
      const skip = this.fork();
      this.add(node);
      return { at, skip };
    });
    for (const { at, skip } of skips) skip.to = [at + 1, this.steps.length];
  }
}

function run(steps: readonly Step[], text: string): boolean {
  const points = Array.from(text, (char) => char.codePointAt(0)!);
  let places = reach(steps, [0], points, 0);
  for (let at = 0; at < points.length && places.length > 0; at++) {
    const moved = places.filter((place) => {
      const step = steps[place];
      return step?.op === 'set' && step.test(points[at]!);
    });
    places = reach(
      steps,
      moved.map((place) => place + 1),
      points,
      at + 1,
    );
  }
  return places.includes(steps.length);
}

/** Everywhere one can be without taking a character, each place once. */
function reach(steps: readonly Step[], from: readonly number[], points: readonly number[], at: number): number[] {
  const seen = new Set<number>();
  const todo = [...from];
  for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
    if (seen.has(place)) continue;
    seen.add(place);
    const step = steps[place];
    if (step?.op === 'fork') todo.push(...step.to);
    else if (step?.op === 'assert' && step.holds(points, at)) todo.push(place + 1);
  }
  return [...seen];
}
