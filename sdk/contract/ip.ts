/** The four bytes of dotted decimal text, or undefined. */
export function ip4Bytes(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const bytes = Uint8Array.from(match.slice(1), Number);
  return match.slice(1).every((part) => Number(part) <= 255) ? bytes : undefined;
}

/** The sixteen bytes of RFC 4291 text (with `::` and a dotted tail), or undefined. Zone ids are refused. */
export function ip6Bytes(text: string): Uint8Array | undefined {
  const plain = withoutDottedTail(text);
  if (plain === undefined || !plain.includes(':') || !/^[0-9a-fA-F:]+$/.test(plain)) return undefined;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = (head?.length ?? 0) + (tail?.length ?? 0);
  if (tail === undefined ? given !== 8 : given > 7) return undefined;
  const groups = [...(head ?? []), ...Array<string>(8 - given).fill('0'), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]));
}

export const isIp = (text: string): boolean => ip4Bytes(text) !== undefined || ip6Bytes(text) !== undefined;

function withoutDottedTail(text: string): string | undefined {
  const colon = text.lastIndexOf(':');
  const tail = text.slice(colon + 1);
  if (!tail.includes('.')) return text;
  const bytes = ip4Bytes(tail);
  if (bytes === undefined) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return `${text.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
