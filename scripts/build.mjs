// Compiles all packages, then packs every plugin as a registry tarball: one bundled module with the SDK left outside.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { markBuilt, root, run, sourceDigest, withBuildLock } from './lib.mjs';

async function packAll() {
  const outDir = join(root, 'build', 'registry.new');
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const names = readdirSync(join(root, 'plugins')).filter((name) =>
    existsSync(join(root, 'plugins', name, 'package.json')),
  );
  const { packPlugin } = await import('../cli/dist/plugin/pack.js');
  const plugins = [];
  for (const name of names.sort()) {
    const { manifest, file, integrity } = await packPlugin(join(root, 'plugins', name), outDir);
    plugins.push({ manifest, file: basename(file), integrity });
  }
  writeFileSync(join(outDir, 'index.json'), JSON.stringify({ plugins }, null, 2));
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
