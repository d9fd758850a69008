// Compiles all packages, then packs every plugin as a registry tarball: one bundled module with the SDK left outside.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { markBuilt, root, run, sourceDigest, withBuildLock } from './lib.mjs';

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

async function packPlugin(name, outDir) {
  const { build } = await import('esbuild');
  const { create } = await import('tar');
  const dir = join(root, 'plugins', name);
  const manifest = readJson(join(dir, 'package.json'));
  const staging = mkdtempSync(join(root, 'build', 'pack-'));
  const pkg = join(staging, 'package');
  mkdirSync(pkg);
  await build({
    entryPoints: [join(dir, 'dist', manifest.mezzo.entry)],
    outfile: join(pkg, manifest.mezzo.entry),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['@mezzo/sdk/*', '*.node', 'cpu-features'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  for (const extra of ['README.md', ...(manifest.files ?? [])])
    if (existsSync(join(dir, extra))) cpSync(join(dir, extra), join(pkg, extra), { recursive: true });
  // The bundle holds the dependencies, so the packed manifest names none: the host links the SDK and installs nothing.
  const packed = { ...manifest };
  delete packed.dependencies;
  delete packed.devDependencies;
  writeFileSync(join(pkg, 'package.json'), JSON.stringify(packed, null, 2));
  const file = `${manifest.mezzo.id}-${manifest.version}.tgz`;
  await create({ gzip: true, file: join(outDir, file), cwd: staging, portable: true, mtime: new Date(0) }, ['package']);
  rmSync(staging, { recursive: true, force: true });
  const integrity = `sha512-${createHash('sha512')
    .update(readFileSync(join(outDir, file)))
    .digest('base64')}`;
  const { mezzo, version, description } = manifest;
  return { manifest: { ...mezzo, name: manifest.name, version, description }, file, integrity };
}

async function packAll() {
  const outDir = join(root, 'build', 'registry.new');
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const names = readdirSync(join(root, 'plugins')).filter((name) =>
    existsSync(join(root, 'plugins', name, 'package.json')),
  );
  const plugins = [];
  for (const name of names.sort()) plugins.push(await packPlugin(name, outDir));
  writeFileSync(join(outDir, 'index.json'), JSON.stringify({ plugins }, null, 2));
  cpSync(join(root, 'plugins', 'distribution.json'), join(outDir, 'distribution.json'));
  const target = join(root, 'build', 'registry');
  rmSync(target, { recursive: true, force: true });
  renameSync(outDir, target);
}

/** What builds that were cut short left behind. */
function sweep() {
  for (const name of readdirSync(join(root, 'build')))
    if (name.startsWith('pack-')) rmSync(join(root, 'build', name), { recursive: true, force: true });
}

await withBuildLock(async () => {
  sweep();
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
