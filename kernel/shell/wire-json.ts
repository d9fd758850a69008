/**
 * JSON of our own messages (checkpoints, the protocol between master and agent) as camelCase types have them: bigints, NaN
 * and infinities, which JSON lacks, are `{"$number": "<text>"}`.
 */
export const toWireJson = (value: unknown): string => JSON.stringify(value, pack);

/** Throws SyntaxError. */
export function fromWireJson(text: string): unknown {
  return text.includes('"$number"') ? JSON.parse(text, unpack) : JSON.parse(text);
}

function pack(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { $number: `${value}n` };
  return typeof value === 'number' && !Number.isFinite(value) ? { $number: String(value) } : value;
}

function unpack(_key: string, value: unknown): unknown {
  const text = (value as { $number?: unknown } | null)?.$number;
  if (typeof text !== 'string') return value;
  return /^-?\d{1,20}n$/.test(text) ? BigInt(text.slice(0, -1)) : Number(text);
}
