import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, extract } from 'tar';
import { root } from '../tidy/sources.js';

/** A plugin that ships with Mezzo, as another version of itself. Answers the file of the package. */
export function repacked(id: string, version: string, dir: string): string {
  const registry = join(root, 'build/registry');
  const found = readdirSync(registry).find((name) => name.startsWith(`mezzo-plugin-${id}-`));
  const staging = join(dir, `${id}-${version}`);
  mkdirSync(staging, { recursive: true });
  extract({ sync: true, file: join(registry, found!), cwd: staging });
  const manifest = join(staging, 'package/package.json');
  writeFileSync(manifest, JSON.stringify({ ...(JSON.parse(readFileSync(manifest, 'utf8')) as object), version }));
  const file = join(dir, `${id}-${version}.tgz`);
  create({ gzip: true, sync: true, file, cwd: staging, portable: true }, ['package']);
  return file;
}
