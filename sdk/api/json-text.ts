import { MezzoError } from '../contract/errors.js';

const LONG_DIGITS = /\d{16}/;
const NOT_FINITE = /NaN|Infinity/;
const NUMBER = /-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|Infinity)/g;

/** Objects and lists cost many times the bytes that open them, so there is a bound on how many one text may hold, and how deep. */
const MAX_PARTS = 2_000_000;
const MAX_NESTING = 1000;
/** Shorter texts cannot reach the bounds that matter. */
const COUNTED_FROM_CHARS = 1024 * 1024;

/**
 * JSON text to plain values. Integers of 16 digits and more, and bare NaN and Infinity, come as strings, which the readers
 * of messages accept for numbers: so no digit is lost. Throws MezzoError INVALID_JSON (blame user).
 */
export function parseJson(text: string): unknown {
  if (text.length >= COUNTED_FROM_CHARS) refuseCostly(text);
  if (LONG_DIGITS.test(text)) text = quoteNumbers(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    if (NOT_FINITE.test(text)) return parseAgain(quoteNumbers(text), error);
    throw invalidJson(text, error);
  }
}

function parseAgain(quoted: string, cause: unknown): unknown {
  try {
    return JSON.parse(quoted);
  } catch {
    throw invalidJson(quoted, cause);
  }
}

/** Counts without parsing: what opens within strings does not count. */
function refuseCostly(text: string): void {
  let parts = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 34: // a string
        at = endOfString(text, at) - 1;
        break;
      case 91: // [
      case 123: // {
        if (++parts > MAX_PARTS) throw costly(`more than ${MAX_PARTS} objects and lists`);
        if (++depth > MAX_NESTING) throw costly(`more than ${MAX_NESTING} levels`);
        break;
      case 93: // ]
      case 125: // }
        depth--;
    }
  }
}

const costly = (what: string): MezzoError =>
  new MezzoError('INVALID_JSON', `The JSON text has ${what}`, { blame: 'user', next: 'Send it in several calls.' });

/** Puts quotes around the numbers, outside of strings, that JSON.parse would mangle or refuse. */
function quoteNumbers(text: string): string {
  let result = '';
  for (let at = 0; at < text.length;) {
    const open = text.indexOf('"', at);
    const end = open < 0 ? text.length : open;
    result += text.slice(at, end).replace(NUMBER, (n) => (/^-?(\d{16,}$|[NI])/.test(n) ? `"${n}"` : n));
    const close = open < 0 ? end : endOfString(text, open);
    result += text.slice(end, close);
    at = close;
  }
  return result;
}

/** The index behind the closing quote of the string that opens at `open`. */
function endOfString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let slashes = 0;
    while (text.charCodeAt(close - 1 - slashes) === 92) slashes++;
    if (slashes % 2 === 0) return close + 1;
  }
  return text.length;
}

const VALUE =
  /[ \t\r\n]*(?:"[^"\\\u0000-\u001f]*(?:\\.[^"\\\u0000-\u001f]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:])/y;
const NEAR_CHARS = 200;

/** Says where, in the words that users of Mesos know. */
function invalidJson(text: string, cause: unknown): MezzoError {
  const at = faultyIndex(text);
  const behind = text.slice(at);
  const message =
    at > 0 && isWhole(text.slice(0, at))
      ? `Parsed JSON included non-whitespace trailing characters: ${behind.slice(0, NEAR_CHARS)}`
      : `syntax error at line ${text.slice(0, at).split('\n').length} near: ${firstLine(behind.trimStart())}`;
  return new MezzoError('INVALID_JSON', message, { blame: 'user', next: 'Send one well-formed JSON value.', cause });
}

/** The longest run of tokens that can begin a JSON value ends here. Slow: for errors only. */
function faultyIndex(text: string): number {
  const open: string[] = [];
  let last = '';
  let at = 0;
  for (;;) {
    VALUE.lastIndex = at;
    const token = VALUE.exec(text)?.[0].trimStart();
    const kind = token === undefined ? '' : '{}[],:'.includes(token) ? token : 'v';
    if (!mayFollow(last, kind, open)) return at;
    if (kind === '{' || kind === '[') open.push(kind);
    if (kind === '}' || kind === ']') open.pop();
    last = kind;
    at = VALUE.lastIndex;
  }
}

function mayFollow(last: string, kind: string, open: readonly string[]): boolean {
  const within = open.at(-1);
  const ended = last === 'v' || last === '}' || last === ']';
  if (kind === '') return false;
  if (kind === ':') return within === '{' && last === 'v';
  if (kind === ',') return within !== undefined && ended;
  if (kind === '}') return within === '{' && (ended || last === '{');
  if (kind === ']') return within === '[' && (ended || last === '[');
  return !ended;
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!.slice(0, NEAR_CHARS);

/** Like JSON.stringify, for plain values that may hold bigints, NaN and Infinity: those are written bare, as Mesos does. */
export function stringifyJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `[${value.map(elementText).join()}]` : objectText(value);
    default:
      return 'null';
  }
}

const elementText = (value: unknown): string => stringifyJson(value);

function objectText(value: object): string {
  let text = '';
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) text += `${text === '' ? '' : ','}${quote(key)}:${stringifyJson(member)}`;
  }
  return `{${text}}`;
}

const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A JSON string. Most need no escape, and asking first is faster than JSON.stringify. */
export const quote = (text: string): string => (ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`);
