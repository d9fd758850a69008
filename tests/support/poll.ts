import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `probe` answers something other than undefined or false; throws what it last saw at the deadline. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 15_000,
  everyMs = 50,
): Promise<T> {
  let last: unknown;
  for (const deadline = Date.now() + timeoutMs; ; await sleep(everyMs)) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`${what}: not within ${timeoutMs} ms${last ? ` (${String(last)})` : ''}`);
  }
}
