// npm run sim -- --seeds N [--from SEED] | --seed S (one run, with its trace) | --planted
import { spawnSync } from 'node:child_process';
import { checkNode, ensureInstalled, root } from './lib.mjs';

checkNode();
ensureInstalled();
const args = process.argv.slice(2);
const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const env = { ...process.env };
const filter = [];
if (value('--seed')) {
  env.MEZZO_SIM_TRACE = value('--seed');
  filter.push('tests/sim/trace.test.ts');
} else {
  if (value('--seeds')) env.MEZZO_SIM_SEEDS = value('--seeds');
  if (value('--from')) env.MEZZO_SIM_FROM = value('--from');
  filter.push(args.includes('--planted') ? 'tests/sim/planted.test.ts' : 'tests/sim/sweep-');
}
process.exit(
  spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'sim', ...filter], {
    cwd: root,
    env,
    stdio: 'inherit',
  }).status ?? 1,
);
