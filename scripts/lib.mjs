// Shared by start, build and test. Plain JavaScript without dependencies: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const say = (text) => console.log(`mezzo: ${text}`);

export function fail(text, next) {
  console.error(`mezzo: ${text}`);
  if (next) console.error(`       ${next}`);
  process.exit(1);
}

/** Runs a command in the root; answers its exit code. Output is shown unless `quiet`, then only when it fails. */
export function run(command, args, { quiet = false, env } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    maxBuffer: 64 << 20,
  });
  if (quiet && result.status !== 0)
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}\n`);
  return result.status ?? 1;
}

function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

function stampOf(name) {
  const file = join(root, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

const installStamp = 'node_modules/.mezzo-install';

export function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20)
    fail(`Node ${process.versions.node} is too old`, 'Mezzo needs Node 20 or newer: install it and run this again.');
}

/** Somebody ran npm since the lock file changed: npm's own record of what it installed is the newer one. */
function installedByHand() {
  const record = statSync(join(root, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  return (
    stampOf(installStamp) === '' &&
    record !== undefined &&
    record.mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs
  );
}

/** Installs dependencies when they are missing or not those of the lock file. */
export function ensureInstalled() {
  const wanted = digest([readFileSync(join(root, 'package-lock.json')), process.version, process.arch]);
  if (stampOf(installStamp) === wanted || installedByHand()) return;
  say('installing dependencies (first start only; about a minute)');
  install();
  writeFileSync(join(root, installStamp), wanted);
}

function install() {
  // No install script is needed to run: the one compiled package is optional, and compiled below.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (run('npm', args, { quiet: true }) !== 0)
    fail(
      'npm could not install the dependencies (its words are above)',
      'Check the network or the registry that npm is set to, then run this again.',
    );
}

/** The one compiled dependency: only several masters need it. Answers whether it is there. */
export function buildZookeeperClient() {
  const dir = join(root, 'node_modules/zookeeper');
  if (existsSync(join(dir, 'build/Release/zookeeper.node'))) return true;
  // npm leaves out an optional package that did not compile, and says no word.
  if (!existsSync(dir)) install();
  say('compiling the ZooKeeper client');
  // Node's own headers, where they came with it: without them node-gyp downloads some.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include/node/node_version.h')) ? [`--nodedir=${prefix}`] : [];
  return run('npm', ['rebuild', 'zookeeper', '--loglevel=error', ...headers], { quiet: true }) === 0;
}

const sourceRoots = ['sdk', 'kernel', 'cli', 'plugins', 'scripts'];
const skipped = new Set(['node_modules', 'dist', 'build']);
const isSource = (name) =>
  /\.(ts|js|mjs|proto|json|sh|html|css|svg)$/.test(name) && !/\.test\.ts$/.test(name) && name !== 'oclif.manifest.json';

function* sources(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      if (!skipped.has(entry.name)) yield* sources(path);
    } else if (isSource(entry.name)) yield path;
  }
}

export function sourceDigest() {
  const files = sourceRoots.flatMap((dir) => [...sources(join(root, dir))]).sort();
  return digest(
    files.map((file) => {
      const { size, mtimeMs } = statSync(file);
      return `${relative(root, file)}:${size}:${mtimeMs}`;
    }),
  );
}

const buildStamp = 'build/stamp';

/** Builds when a source is newer than the last build. */
export function ensureBuilt() {
  if (stampOf(buildStamp) === sourceDigest()) return;
  say('building');
  if (run(process.execPath, ['scripts/build.mjs'], { quiet: true }) !== 0)
    fail('the build failed (its words are above)', 'In a fresh clone this is a bug: please report it.');
}

export function markBuilt(stamp) {
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(join(root, buildStamp), stamp);
}

export async function withBuildLock(action) {
  const lock = join(root, 'build', 'lock');
  mkdirSync(dirname(lock), { recursive: true });
  for (let waited = 0; ; waited++) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), String(process.pid));
      break;
    } catch {
      const owner = existsSync(join(lock, 'pid')) ? Number(readFileSync(join(lock, 'pid'), 'utf8')) : 0;
      const alive = owner > 0 && existsSync(`/proc/${owner}`);
      if (!alive && waited > 2) rmSync(lock, { recursive: true, force: true });
      else if (waited > 1200)
        fail('another build is running', `It holds ${lock}; stop it (pid ${owner}) or remove that folder.`);
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
    }
  }
  try {
    return await action();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}
