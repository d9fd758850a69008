// npm test: installs what the tests need, runs every tier, says what was skipped and why, and closes with the counts.
// `npm test -- unit sim` runs some tiers only. `npm run test:soak` is for what takes longer or weighs more.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildZookeeperClient, checkNode, ensureBuilt, ensureInstalled, root, run, say } from './lib.mjs';

const TIERS = ['unit', 'tidy', 'golden', 'sim', 'contract', 'upgrade', 'integration', 'e2e'];
/** Run only when asked for by name. */
const EXTRA_TIERS = ['soak'];
/** Debian packages by a file that shows they are there. */
const PACKAGES = {
  zookeeper: '/usr/share/java/zookeeper.jar',
  'docker.io': '/usr/sbin/dockerd',
  dnsutils: '/usr/bin/dig',
  'busybox-static': '/bin/busybox',
  iptables: '/usr/sbin/iptables',
  iproute2: '/bin/ip',
  'util-linux': '/usr/bin/unshare',
  curl: '/usr/bin/curl',
  systemd: '/usr/bin/systemd-notify',
  chromium: '/usr/bin/chromium',
};
const SOAK_PACKAGES = {
  'busybox-static': PACKAGES['busybox-static'],
  zookeeper: PACKAGES.zookeeper,
  iptables: PACKAGES.iptables,
  iproute2: PACKAGES.iproute2,
  systemd: PACKAGES.systemd,
  faketime: '/usr/bin/faketime',
  'qemu-system-x86': '/usr/bin/qemu-system-x86_64',
};
const notes = [];

function installPackages(packages) {
  const missing = Object.keys(packages).filter((name) => !existsSync(packages[name]));
  if (missing.length === 0) return;
  const prefix =
    process.getuid?.() === 0 ? [] : spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
  if (prefix === undefined || !existsSync('/usr/bin/apt-get')) {
    notes.push(`not installed (no root, or no apt): ${missing.join(', ')}; tests that need them are skipped`);
    return;
  }
  say(`installing for the tests: ${missing.join(', ')}`);
  const apt = (...args) =>
    run(
      prefix[0] ?? 'env',
      [...(prefix[0] ? prefix.slice(1) : []), 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args],
      { quiet: true },
    );
  apt('update');
  // One by one when all together fail: a package that cannot be had must not take the others with it.
  if (apt('install', '-y', '--no-install-recommends', ...missing) !== 0)
    for (const name of missing) apt('install', '-y', '--no-install-recommends', name);
  const still = missing.filter((name) => !existsSync(packages[name]));
  if (still.length > 0) notes.push(`could not be installed: ${still.join(', ')}; tests that need them are skipped`);
}

function runTier(tier, skipLog) {
  const outputFile = join(root, 'build', `test-${tier}.json`);
  rmSync(outputFile, { force: true });
  const started = Date.now();
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    tier,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${outputFile}`,
  ];
  const status = run(process.execPath, args, { env: { MEZZO_SKIP_LOG: skipLog, CI: '1' } });
  const seconds = Math.round((Date.now() - started) / 1000);
  const result = existsSync(outputFile) ? JSON.parse(readFileSync(outputFile, 'utf8')) : undefined;
  const counts = {
    passed: result?.numPassedTests ?? 0,
    failed: result?.numFailedTests ?? 0,
    skipped: result?.numPendingTests ?? 0,
  };
  // A file that does not even load has no tests to count, yet it is a failure.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  const failures = (result?.testResults ?? []).flatMap((file) => [
    ...(file.status === 'failed' && file.assertionResults.length === 0 ? [`${file.name}: ${file.message}`] : []),
    ...file.assertionResults.filter((test) => test.status === 'failed').map((test) => `${file.name}: ${test.fullName}`),
  ]);
  return { tier, seconds, failures, ...counts };
}

checkNode();
ensureInstalled();
const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
const known = [...TIERS, ...EXTRA_TIERS];
const unknown = wanted.filter((tier) => !known.includes(tier));
if (unknown.length > 0) {
  console.error(`mezzo: no such tier: ${unknown.join(', ')} (there are ${known.join(', ')})`);
  process.exit(2);
}
const tiers = wanted.length > 0 ? known.filter((tier) => wanted.includes(tier)) : TIERS;
if (tiers.includes('soak')) installPackages(SOAK_PACKAGES);
if (tiers.some((tier) => ['contract', 'integration', 'e2e'].includes(tier))) installPackages(PACKAGES);
if (tiers.some((tier) => ['contract', 'integration', 'e2e', 'soak'].includes(tier)) && !buildZookeeperClient())
  notes.push('the ZooKeeper client did not compile (build-essential, python3 and make are needed)');
ensureBuilt();
mkdirSync(join(root, 'build'), { recursive: true });
const skipLog = join(root, 'build', 'skipped.log');
writeFileSync(skipLog, '');
const results = tiers.map((tier) => (say(`tier ${tier}`), runTier(tier, skipLog)));

const sum = (key) => results.reduce((total, result) => total + result[key], 0);
console.log('\ntier          passed  failed  skipped  seconds');
for (const { tier, passed, failed, skipped, seconds } of results)
  console.log(
    `${tier.padEnd(12)} ${[passed, failed, skipped, seconds].map((value) => String(value).padStart(7)).join(' ')}`,
  );
const reasons = [...new Set(readFileSync(skipLog, 'utf8').trim().split('\n').filter(Boolean)), ...notes];
if (reasons.length > 0) console.log(`\nskipped:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`);
const failures = results.flatMap(({ failures: list }) => list);
if (failures.length > 0)
  console.log(`\nfailed:\n${failures.map((failure) => `  ${failure.split('\n')[0]}`).join('\n')}`);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
process.exit(sum('failed') === 0 && sum('passed') > 0 ? 0 : 1);
