// npm run bench -- NAME [--json]: runs bench/NAME.ts beside its peer and prints its rows.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, root } from './lib.mjs';

checkNode();
const [name, ...flags] = process.argv.slice(2);
const names = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.ts') && file !== 'row.ts')
  .map((file) => file.slice(0, -3));
if (!names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [--json]\n  NAME is one of ${names.join(', ')}`);
  process.exit(2);
}
ensureInstalled();
ensureBuilt();
const { build } = await import('esbuild');
const outDir = join(root, 'build', 'bench');
mkdirSync(outDir, { recursive: true });
const outfile = join(outDir, `${name}.mjs`);
// Packages stay outside, so that what is measured is what is shipped; only the benchmark and pure parts of the tree are bundled.
await build({
  entryPoints: [join(root, 'bench', `${name}.ts`)],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
const main = join(outDir, `${name}.main.mjs`);
writeFileSync(
  main,
  `import 'reflect-metadata';
import { run } from './${name}.mjs';
const json = process.argv.includes('--json');
const rows = [];
await run((row) => { rows.push(row); if (json) console.log(JSON.stringify(row)); else console.log([row.name.padEnd(36), (row.value + ' ' + row.unit).padEnd(22), row.peer ? row.peer + (row.peerValue === undefined ? '' : ' ' + row.peerValue) : '', row.ratio === undefined ? '' : 'x' + row.ratio].join('  ')); });
process.exit(0);
`,
);
const { status } = spawnSync(process.execPath, ['--expose-gc', main, ...flags], { cwd: root, stdio: 'inherit' });
rmSync(main, { force: true });
process.exit(status ?? 1);
