import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { VersionInfo } from '@mezzo/sdk/api';

/** The Mesos version whose APIs we speak: clients compare it. */
export const MESOS_VERSION = '1.11.0';

/** As /version shows it; `mezzo` is our own. */
export function versionInfo(): VersionInfo & { readonly mezzo: string } {
  const packageFile = new URL('../../package.json', import.meta.url);
  const manifest = JSON.parse(readFileSync(packageFile, 'utf8')) as { version?: string };
  const buildTime = Math.floor(statSync(fileURLToPath(import.meta.url)).mtimeMs / 1000);
  const buildDate = new Date(buildTime * 1000).toISOString().replace('T', ' ').replace(/\..*/, ' UTC');
  return { version: MESOS_VERSION, buildDate, buildTime, buildUser: '', mezzo: manifest.version ?? '0.0.0' };
}
