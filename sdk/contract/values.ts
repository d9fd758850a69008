import { MezzoError } from './errors.js';

/**
 * Amounts and their text forms. Scalars are integers in thousandths, as the field computes them; ranges are flat lists of
 * inclusive pairs `[begin, end, begin, end, ...]`, sorted, neither touching nor overlapping; sets are sorted and unique.
 */
export type Ranges = readonly number[];
export type ValueSet = readonly string[];

export type Value =
  | { readonly type: 'SCALAR'; readonly milli: number }
  | { readonly type: 'RANGES'; readonly ranges: Ranges }
  | { readonly type: 'SET'; readonly set: ValueSet }
  | { readonly type: 'TEXT'; readonly text: string };

export interface NamedValue {
  readonly name: string;
  /** Role of a static reservation; resources only. */
  readonly role?: string;
  readonly value: Value;
}

/** Half a thousandth rounds away from zero. */
export const toMilli = (value: number): number => Math.sign(value) * Math.round(Math.abs(value) * 1000);
export const fromMilli = (milli: number): number => milli / 1000;

/** Sorts and joins pairs in any order; each `begin <= end`. */
export function coalesce(pairs: Iterable<readonly [begin: number, end: number]>): Ranges {
  const out: number[] = [];
  for (const [begin, end] of [...pairs].sort((a, b) => a[0] - b[0])) append(out, begin, end);
  return out;
}

/** Appends a pair whose begin is not before the last one's. */
function append(out: number[], begin: number, end: number): void {
  const last = out.length - 1;
  if (last > 0 && begin <= out[last]! + 1) out[last] = Math.max(out[last]!, end);
  else out.push(begin, end);
}

export function addRanges(a: Ranges, b: Ranges): Ranges {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const out: number[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const fromA = j >= b.length || (i < a.length && a[i]! <= b[j]!);
    if (fromA) append(out, a[i]!, a[i + 1]!);
    else append(out, b[j]!, b[j + 1]!);
    if (fromA) i += 2;
    else j += 2;
  }
  return out;
}

/** What of `a` is not in `b`. */
export function subtractRanges(a: Ranges, b: Ranges): Ranges {
  if (a.length === 0 || b.length === 0) return a;
  const out: number[] = [];
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let begin = a[i]!;
    const end = a[i + 1]!;
    while (j < b.length && b[j + 1]! < begin) j += 2;
    for (let k = j; begin <= end && k < b.length && b[k]! <= end; k += 2) {
      if (b[k]! > begin) out.push(begin, b[k]! - 1);
      begin = b[k + 1]! + 1;
    }
    if (begin <= end) out.push(begin, end);
  }
  return out;
}

export function containsRanges(a: Ranges, b: Ranges): boolean {
  let i = 0;
  for (let j = 0; j < b.length; j += 2) {
    while (i < a.length && a[i + 1]! < b[j]!) i += 2;
    if (i >= a.length || a[i]! > b[j]! || a[i + 1]! < b[j + 1]!) return false;
  }
  return true;
}

/** How many integers. */
export function sizeOfRanges(ranges: Ranges): number {
  let size = 0;
  for (let i = 0; i < ranges.length; i += 2) size += ranges[i + 1]! - ranges[i]! + 1;
  return size;
}

/** The first `count` integers as ranges; undefined when there are fewer. */
export function takeFromRanges(ranges: Ranges, count: number): Ranges | undefined {
  const out: number[] = [];
  for (let i = 0; count > 0 && i < ranges.length; i += 2) {
    const begin = ranges[i]!;
    const end = Math.min(ranges[i + 1]!, begin + count - 1);
    out.push(begin, end);
    count -= end - begin + 1;
  }
  return count > 0 ? undefined : out;
}

export const setOf = (items: Iterable<string>): ValueSet => [...new Set(items)].sort();
export const addSets = (a: ValueSet, b: ValueSet): ValueSet => setOf([...a, ...b]);
export const subtractSets = (a: ValueSet, b: ValueSet): ValueSet => a.filter((item) => !b.includes(item));
export const containsSets = (a: ValueSet, b: ValueSet): boolean => b.every((item) => a.includes(item));

export const printRanges = (ranges: Ranges): string => {
  const parts: string[] = [];
  for (let i = 0; i < ranges.length; i += 2) parts.push(`${ranges[i]}-${ranges[i + 1]}`);
  return `[${parts.join(', ')}]`;
};
export const printSet = (set: ValueSet): string => `{${set.join(', ')}}`;

export function printValue(value: Value): string {
  if (value.type === 'SCALAR') return String(fromMilli(value.milli));
  if (value.type === 'RANGES') return printRanges(value.ranges);
  return value.type === 'SET' ? printSet(value.set) : value.text;
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const RESOURCE_NAME = /^([^\s():;,[\]{}]+)\s*(?:\(\s*([^()]*?)\s*\))?$/;

const invalid = (part: string, why: string): MezzoError =>
  new MezzoError('VALUE_INVALID', `'${part.slice(0, 120)}': ${why}`, { blame: 'user', details: { part } });

/** A number, `[a-b, c-d]`, `{x, y}`, else text. Throws VALUE_INVALID. */
export function parseValue(source: string): Value {
  const text = source.trim();
  if (text === '') throw invalid(source, 'a value is missing');
  if (text.startsWith('[')) return { type: 'RANGES', ranges: parseRanges(text) };
  if (text.startsWith('{')) return { type: 'SET', set: setOf(inside(text, '}', 'a set')) };
  if (!NUMBER.test(text)) return { type: 'TEXT', text };
  const milli = toMilli(Number(text));
  if (!Number.isSafeInteger(milli)) throw invalid(text, 'the number is too large');
  return { type: 'SCALAR', milli };
}

function inside(text: string, close: string, what: string): string[] {
  if (!text.endsWith(close)) throw invalid(text, `${what} must end with '${close}'`);
  const items = text.slice(1, -1).split(',');
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

function parseRanges(text: string): Ranges {
  const pairs = inside(text, ']', 'ranges').map((item): [number, number] => {
    const [, begin, end] = /^(\d+)\s*-\s*(\d+)$/.exec(item) ?? [];
    if (begin === undefined || end === undefined) throw invalid(item, "a range is written 'begin-end'");
    const pair: [number, number] = [Number(begin), Number(end)];
    if (pair[0] > pair[1]) throw invalid(item, 'the range ends before it begins');
    if (!Number.isSafeInteger(pair[1])) throw invalid(item, 'the range goes beyond 2^53');
    return pair;
  });
  return coalesce(pairs);
}

const items = (text: string): string[] => text.split(/[;\n]/).filter((item) => item.trim() !== '');

function nameAndValue(item: string): [string, string] {
  const colon = item.indexOf(':');
  if (colon < 0) throw invalid(item.trim(), "':' is missing between name and value");
  return [item.slice(0, colon).trim(), item.slice(colon + 1)];
}

/** `cpus:4;mem:1024;ports:[31000-32000];disk(role):10`. Throws VALUE_INVALID. */
export function parseResourcesText(text: string): NamedValue[] {
  return items(text).map((item) => {
    const [label, source] = nameAndValue(item);
    const [, name, role] = RESOURCE_NAME.exec(label) ?? [];
    if (name === undefined || role === '') throw invalid(item.trim(), "a resource is written 'name(role):value'");
    const value = parseValue(source);
    if (value.type === 'TEXT') throw invalid(item.trim(), 'a resource is a number, [ranges] or a {set}');
    if (value.type === 'SCALAR' && value.milli < 0) throw invalid(item.trim(), 'a resource cannot be negative');
    return role === undefined ? { name, value } : { name, role, value };
  });
}

/** `rack:a;x:3;y:[1-5];z:{a,b}`; only the first colon of an item separates. Throws VALUE_INVALID. */
export function parseAttributesText(text: string): NamedValue[] {
  return items(text).map((item) => {
    const [name, source] = nameAndValue(item);
    if (name === '') throw invalid(item.trim(), 'the name is missing');
    return { name, value: parseValue(source) };
  });
}

/** The inverse of both parsers. */
export const printNamedValues = (values: readonly NamedValue[]): string =>
  values
    .map(({ name, role, value }) => `${name}${role === undefined ? '' : `(${role})`}:${printValue(value)}`)
    .join(';');
