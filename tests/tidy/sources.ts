import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const SKIPPED = new Set(['node_modules', 'dist', 'build', '.git', 'coverage']);

/** All files below a folder of the checkout, as paths relative to its root. */
export function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) yield* filesBelow(path);
    } else if (entry.isFile()) yield relative('.', path);
  }
}

export const isTest = (file: string): boolean => /\.test\.ts$/.test(file);
export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

/** Product code: TypeScript that ships. */
export function productFiles(): string[] {
  return ['sdk', 'kernel', 'plugins', 'cli']
    .flatMap((folder) => [...filesBelow(folder)])
    .filter((file) => file.endsWith('.ts') && !isTest(file));
}

/** Module names of all static and dynamic imports and re-exports. Comments are cut first, so that examples do not count. */
export function importsOf(file: string): string[] {
  const code = textOf(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');
  return [
    ...code.matchAll(/(?:^|[\s;])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|import\s*\(?\s*['"]([^'"]+)['"]/g),
  ].map((match) => (match[1] ?? match[2])!);
}
