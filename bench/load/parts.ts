const TIMEOUT = /^--timeout=(\d{1,6})$/;
const DEFAULT_TIMEOUT_SECONDS = 600;

/** What is to be run: names among the arguments, or all. Throws on names and options that nobody knows. */
export function partsOf<Part extends string>(
  all: readonly Part[],
  args: readonly string[],
): { readonly parts: ReadonlySet<Part>; readonly timeoutMs: number } {
  let seconds = DEFAULT_TIMEOUT_SECONDS;
  const parts = new Set<Part>();
  for (const arg of args) {
    const part = all.find((name) => name === arg);
    const timeout = TIMEOUT.exec(arg)?.[1];
    if (part !== undefined) parts.add(part);
    else if (timeout !== undefined) seconds = Number(timeout);
    else if (arg !== '--json')
      throw new Error(`'${arg}' is neither a part (${all.join(', ')}) nor --timeout=SECONDS nor --json`);
  }
  return { parts: parts.size > 0 ? parts : new Set(all), timeoutMs: seconds * 1000 };
}

/** Throws when `work` is not over in time. Its masters end with this process. */
export async function withDeadline(name: string, timeoutMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} took more than ${timeoutMs / 1000} s`)), timeoutMs);
  });
  await Promise.race([work(), late]);
  clearTimeout(timer);
}
