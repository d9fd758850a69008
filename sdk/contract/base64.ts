const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The text behind base64; undefined where it is no UTF-8, or holds a NUL, as no environment can. */
export function base64Text(base64: string): string | undefined {
  let [bits, count, escaped] = [0, 0, ''];
  for (const char of base64.replace(/=+$/, '')) {
    bits = ((bits << 6) | ALPHABET.indexOf(char)) & 0xffff;
    if ((count += 6) < 8) continue;
    count -= 8;
    escaped += `%${((bits >> count) & 0xff).toString(16).padStart(2, '0')}`;
  }
  try {
    const text = decodeURIComponent(escaped);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
