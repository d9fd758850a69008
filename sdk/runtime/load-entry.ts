import { statSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Imports a plugin's entry module and answers its default export.
 *
 * Node 20 keeps one global record of the last synchronous stat, and its module loader stops following links when that was of a
 * socket: the plugin would get an SDK that finds none of its packages. Hence the stat of something else.
 */
export async function loadEntry(pluginDir: string, entry: string): Promise<unknown> {
  statSync(pluginDir);
  const module = (await import(pathToFileURL(join(pluginDir, entry)).href)) as { readonly default?: unknown };
  return module.default;
}

/** Removes a socket that may be there, without the synchronous stat of `rmSync` (see above). */
export const removeSocket = (path: string): Promise<void> => unlink(path).catch(() => {});
