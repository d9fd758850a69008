import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { MezzoError } from '@mezzo/sdk/contract';
import { sdkPackage } from '@mezzo/sdk/runtime';
import { bundle } from './bundle.js';

const SKIPPED = new Set(['node_modules', 'dist', 'build']);

/**
 * Runs the tests of a plugin (`*.test.ts`, `*.test.js`) with the runner of Node, against the SDK of this machine, the directory being
 * the working directory. Answers the exit code. Throws NO_TESTS and PLUGIN_SOURCE_INVALID.
 */
export async function testPlugin(dir: string): Promise<number> {
  const cwd = resolve(dir);
  const tests = filesBelow(cwd).filter((file) => /\.test\.m?[jt]s$/.test(file));
  if (tests.length === 0)
    throw new MezzoError('NO_TESTS', `there is no *.test.ts or *.test.js in ${cwd}`, {
      blame: 'user',
      next: 'write one with node:test; `mezzo plugin create` makes a package that has some',
    });
  const staging = mkdtempSync(join(tmpdir(), 'mezzo-test-'));
  try {
    mkdirSync(join(staging, 'node_modules/@mezzo'), { recursive: true });
    symlinkSync(sdkPackage().dir, join(staging, 'node_modules/@mezzo/sdk'));
    await bundle({
      entryPoints: tests,
      outdir: staging,
      outExtension: { '.js': '.mjs' },
      sourcemap: 'inline',
    });
    return await run(cwd, filesBelow(staging));
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The files in which the tests, or the sources, of a plugin can be. */
export function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isFile()) return [path];
    return entry.isDirectory() && !SKIPPED.has(entry.name) && !entry.name.startsWith('.') ? filesBelow(path) : [];
  });
}

async function run(cwd: string, files: readonly string[]): Promise<number> {
  // Within a test that runs this, Node's runner would take itself for a part of that one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = ['--enable-source-maps', '--test', ...files.map((file) => relative(cwd, file))];
  const child = spawn(process.execPath, args, { cwd, env, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
