import { lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
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

/** Links an SDK beside the packages that are unpacked below `dir`, where their imports of it are looked up; it may lie elsewhere than yesterday's. */
export function linkSdk(dir: string, sdkDir: string): void {
  const scope = join(dir, 'node_modules', '@mezzo');
  const link = join(scope, 'sdk');
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(link) === sdkDir) return;
  mkdirSync(scope, { recursive: true, mode: 0o700 });
  const temp = `${link}.${process.pid}`;
  rmSync(temp, { force: true });
  symlinkSync(sdkDir, temp, 'dir');
  renameSync(temp, link);
}
