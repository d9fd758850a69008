// Compiles all packages, then packs every plugin as a registry tarball: one bundled module with the SDK left outside.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markBuilt, root, run, sourceDigest, withBuildLock } from './lib.mjs';

async function packAll() {
  const outDir = join(root, 'build', 'registry.new');
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const names = readdirSync(join(root, 'plugins')).filter((name) =>
    existsSync(join(root, 'plugins', name, 'package.json')),
  );
  const { packPlugin } = await import('../cli/dist/plugin/pack.js');
  const { DirectoryRegistry } = await import('../cli/dist/plugin/registry.js');
  const registry = new DirectoryRegistry(outDir);
  for (const name of names.sort()) await registry.publish(await packPlugin(join(root, 'plugins', name), tmpdir()));
  cpSync(join(root, 'plugins', 'distribution.json'), join(outDir, 'distribution.json'));
  const target = join(root, 'build', 'registry');
  rmSync(target, { recursive: true, force: true });
  renameSync(outDir, target);
}

await withBuildLock(async () => {
  const stamp = sourceDigest();
  if (run(process.execPath, ['node_modules/typescript/bin/tsc', '-b']) !== 0)
    throw new Error('the sources do not compile');
  await packAll();
  run('npx', ['--no-install', 'oclif', 'manifest', 'cli'], { quiet: true });
  markBuilt(stamp);
}).catch((error) => {
  console.error(`mezzo: ${error.message}`);
  process.exitCode = 1;
});
