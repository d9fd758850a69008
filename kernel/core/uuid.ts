/** A UUID that no other life made: the random `seed` of this life with its last 32 bits counting. */
export const countedUuid = (seed: string, count: number): string =>
  seed.slice(0, 28).padEnd(28, '0') + count.toString(16).padStart(8, '0');

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The 16 bytes of a UUID in base64, as messages carry them. */
export function uuidToBase64(uuid: string): string {
  const hex = uuid.replaceAll('-', '') + '0000';
  let text = '';
  for (let at = 0; at < 36; at += 3) {
    const bits = parseInt(hex.slice(at, at + 3), 16);
    text += ALPHABET.charAt(bits >> 6) + ALPHABET.charAt(bits & 63);
  }
  return text.slice(0, 22) + '==';
}

/** Whether base64 is that of a UUID: 16 bytes, of a version from 1 to 5. */
export const isUuid = (base64: string): boolean => /^[A-Za-z0-9+/]{8}[E-X][A-Za-z0-9+/]{13}==$/.test(base64);
