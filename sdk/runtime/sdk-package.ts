import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface SdkPackage {
  /** Directory of the running SDK: what plugins are linked to. */
  readonly dir: string;
  readonly version: string;
  /** The executable that runs a plugin in a process of its own: `node runner SPECFILE`. */
  readonly runner: string;
}

export function sdkPackage(): SdkPackage {
  const file = createRequire(import.meta.url).resolve('@mezzo/sdk/package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  const dir = dirname(file);
  return { dir, version, runner: join(dir, 'dist', 'runtime', 'run-plugin.js') };
}
