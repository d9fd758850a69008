import type { Attribute } from '@mezzo/sdk/api';
import {
  coalesce,
  parseAttributesText,
  printRanges,
  printSet,
  setOf,
  type Ranges,
  type Value,
} from '@mezzo/sdk/contract';

/** Text of the --attributes flag: `rack:a;level:3;ports:[1-5];zone:{a,b}`. Throws VALUE_INVALID. */
export const parseAttributes = (text: string): Attribute[] =>
  parseAttributesText(text).map(({ name, value }) => ({ name, type: value.type, ...fieldOf(value) }));

function fieldOf(value: Value): Partial<Attribute> {
  if (value.type === 'SCALAR') return { scalar: { value: value.milli / 1000 } };
  if (value.type === 'TEXT') return { text: { value: value.text } };
  if (value.type === 'SET') return { set: { item: [...value.set] } };
  const { ranges } = value;
  const begins = ranges.filter((_, i) => i % 2 === 0);
  return { ranges: { range: begins.map((begin, i) => ({ begin, end: ranges[2 * i + 1]! })) } };
}

/** The flat object of the legacy endpoints: numbers as such, the rest as text. */
export const attributesSummary = (attributes: readonly Attribute[]): Record<string, number | string> =>
  Object.fromEntries(attributes.map((attribute) => [attribute.name, plainValue(attribute)]));

function plainValue({ type, scalar, text, ranges, set }: Attribute): number | string {
  if (type === 'SCALAR') return scalar?.value ?? 0;
  if (type === 'TEXT') return text?.value ?? '';
  return type === 'SET' ? printSet(setOf(set?.item ?? [])) : printRanges(rangesOf(ranges?.range ?? []));
}

const rangesOf = (pairs: readonly { begin: number | bigint; end: number | bigint }[]): Ranges =>
  coalesce(pairs.map(({ begin, end }) => [Number(begin), Number(end)] as const));
