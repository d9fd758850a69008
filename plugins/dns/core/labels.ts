/** Turns free text into one DNS label; empty when nothing of it may stay. */
export type LabelRule = (text: string) => string;

/** Letters of any case, digits and `-` stay (lower-cased); `.` and `_` become `-`; the rest goes. At most 63 bytes. */
export const rfc1123Label: LabelRule = (text) => toLabel(text, 63, /^-+/);

/** As RFC 1123, but at most 24 bytes, and no digit in front. */
export const rfc952Label: LabelRule = (text) => toLabel(text, 24, /^[-0-9]+/);

/** A dotted name with each part made a label; parts that vanish leave no trace. */
export const domainFragment = (text: string, rule: LabelRule): string =>
  text.split('.').map(rule).filter(Boolean).join('.');

function toLabel(text: string, maxBytes: number, leading: RegExp): string {
  const mapped = text
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/[._]/g, '-')
    .replace(/[^a-z0-9-]/g, '')
    .replace(leading, '');
  const kept = mapped.slice(0, maxBytes).replace(/-+$/, '');
  // Hyphens that the cut left at the end give their place to what follows them.
  const refill = mapped
    .slice(maxBytes)
    .replace(/^-+/, '')
    .slice(0, maxBytes - kept.length);
  return kept.length < Math.min(maxBytes, mapped.length) ? (kept + refill).replace(/-+$/, '') : kept;
}
