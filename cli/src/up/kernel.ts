import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

const kernelDir = (): string => dirname(require.resolve('@mezzo/kernel/package.json'));

/** The kernel's own executables: the CLI starts them and never imports them. */
export const executable = (daemon: 'master' | 'agent' | 'restore' | 'replay'): string =>
  join(kernelDir(), 'dist', 'main', `${daemon}.js`);

/** The app that a new cluster is started with; undefined where it is not shipped. */
export function sampleApp(): string | undefined {
  const file = join(dirname(kernelDir()), 'examples', 'hello.json');
  return existsSync(file) ? file : undefined;
}

/** Plugins that ship with Mezzo, packed by the build. */
export function bundledRegistry(): string {
  const inPackage = join(kernelDir(), 'registry');
  return existsSync(inPackage) ? inPackage : join(dirname(kernelDir()), 'build', 'registry');
}
