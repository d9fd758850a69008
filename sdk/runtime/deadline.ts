import { MezzoError } from '../contract/index.js';

/** Rejects with `code` when `work` takes longer. The work itself cannot be stopped: pass it a signal, too. */
export async function withDeadline<T>(
  work: T | Promise<T>,
  timeoutMs: number,
  what: string,
  code = 'PLUGIN_TIMEOUT',
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new MezzoError(code, `${what} took longer than ${timeoutMs} ms`, { blame: 'plugin' });
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
