import { MezzoError } from '@mezzo/sdk/contract';

/** Bytes of one argument or environment entry that Linux lets through exec (MAX_ARG_STRLEN, with its final zero). */
const MAX_STRING_BYTES = 131_072;
/** Well below the 2 MiB that Linux allows for all of them together with the usual 8 MiB of stack. */
const MAX_TOTAL_BYTES = 1_900_000;

/** Text as one word of a POSIX shell, whatever is in it. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export const quoteAll = (words: readonly string[]): string => words.map(quote).join(' ');

/** What exec would refuse is refused before anything is started, in words. */
export function checkExecutable(argv: readonly string[], env: Readonly<Record<string, string>>): void {
  let total = 0;
  const check = (text: string, what: string) => {
    const bytes = utf8Bytes(text) + 1;
    total += bytes + 8;
    if (text.includes('\0')) throw refused(`${what} contains a zero byte`);
    if (bytes > MAX_STRING_BYTES) throw refused(`${what} is ${bytes} bytes long, Linux allows ${MAX_STRING_BYTES}`);
  };
  for (const [i, word] of argv.entries()) check(word, `argument ${i} of the command`);
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || name.includes('=')) throw refused(`environment variable name "${name}" is impossible`);
    check(`${name}=${value}`, `environment variable ${name}`);
  }
  if (total > MAX_TOTAL_BYTES)
    throw refused(`command and environment are ${total} bytes together, ${MAX_TOTAL_BYTES} are possible`);
}

/** Lone surrogates become U+FFFD, three bytes like the rest of their range. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

const refused = (message: string): MezzoError =>
  new MezzoError('CONTAINER_LAUNCH_FAILED', message, { blame: 'user', next: 'put large data into a file' });
