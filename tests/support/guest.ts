import { execFile, spawn } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { root } from '../tidy/sources.js';
import { busyboxRootfs } from './busybox-rootfs.js';

const run = promisify(execFile);
const QEMU = '/usr/bin/qemu-system-x86_64';
const KERNEL = join(root, 'build/guest/vmlinuz');
/** What the last guest said, to be read when it does not end. */
const CONSOLE = join(root, 'build/guest/console.log');
/** Next to busybox, which has these too, but not as a usual machine has them. */
const PROGRAMS = ['env', 'setpriv', 'unshare', 'nsenter', 'timeout', 'tail', 'setsid', 'script'].map(
  (name) => `/usr/bin/${name}`,
);

/** Why no machine can be emulated here; undefined = it can. */
export async function guestLack(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'only x86-64 Linux is emulated';
  const missing = [QEMU, '/usr/bin/busybox', ...PROGRAMS].find((path) => !existsSync(path));
  if (missing !== undefined) return `${missing} is missing`;
  return existsSync(KERNEL) ? undefined : fetchKernel().catch((error: Error) => `no kernel: ${error.message}`);
}

/** Debian's kernel for virtual machines, which has all that is needed built in. Unpacked, not installed. */
async function fetchKernel(): Promise<undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-kernel-'));
  try {
    const name = (await kernelPackage()) ?? (await run('apt-get', ['-qq', 'update']).then(kernelPackage));
    if (name === undefined) throw new Error('apt knows no linux-image-cloud-amd64');
    await run('apt-get', ['-qq', 'download', name], { cwd: dir });
    await run('dpkg', ['-x', readdirSync(dir).find((file) => file.endsWith('.deb')) ?? '', 'image'], { cwd: dir });
    const image = readdirSync(join(dir, 'image/boot')).find((file) => file.startsWith('vmlinuz')) ?? '';
    mkdirSync(dirname(KERNEL), { recursive: true });
    copyFileSync(join(dir, 'image/boot', image), `${KERNEL}.new`);
    renameSync(`${KERNEL}.new`, KERNEL);
    return undefined;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Undefined where apt has no lists of packages yet. */
async function kernelPackage(): Promise<string | undefined> {
  const { stdout } = await run('apt-cache', ['depends', 'linux-image-cloud-amd64']).catch(() => ({ stdout: '' }));
  return /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
}

/** A kind of machine to emulate. */
export interface Machine {
  readonly memoryMib: number;
  /** The script that is process 1: runs /main.mjs, says "guest ends with" its status, and powers off. */
  init(env: Readonly<Record<string, string>>): string;
  /** Puts into its file system what else it has. */
  furnish?(tree: string): Promise<void>;
}

/** cgroup v2 alone, its controllers handed down, as systemd leaves a machine of today. */
export const plainMachine: Machine = {
  memoryMib: 1536,
  init: (env) => `#!/bin/sh
export PATH=/usr/bin:/bin ${Object.entries(env)
    .map(([name, value]) => `${name}='${value}'`)
    .join(' ')}
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo '+cpu +memory' >/sys/fs/cgroup/cgroup.subtree_control
echo "guest $(uname -r): $(cat /sys/fs/cgroup/cgroup.subtree_control)"
node /main.mjs
echo "guest ends with $?"
poweroff -f
`,
};

/** The file system of a guest as the kernel unpacks it: busybox, real tools, this very node, and one script for it. */
async function buildInitramfs(
  dir: string,
  machine: Machine,
  script: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  writeFileSync(join(dir, 'rootfs.tar'), await busyboxRootfs());
  await run('tar', ['-xf', join(dir, 'rootfs.tar'), '-C', tree]);
  for (const program of ['/bin/sh', ...PROGRAMS]) await copyProgram(tree, program);
  await copyProgram(tree, process.execPath, '/usr/bin/node');
  copyFileSync(script, join(tree, 'main.mjs'));
  await machine.furnish?.(tree);
  writeFileSync(join(tree, 'init'), machine.init(env), { mode: 0o755 });
  const image = join(dir, 'initramfs');
  await run('/bin/sh', ['-c', `find . | busybox cpio -o -H newc >'${image}'`], { cwd: tree });
  rmSync(tree, { recursive: true });
  return image;
}

export async function copyProgram(tree: string, from: string, to = from): Promise<void> {
  mkdirSync(dirname(join(tree, to)), { recursive: true });
  // Not through what may be there: a link to busybox.
  rmSync(join(tree, to), { force: true });
  copyFileSync(from, join(tree, to));
  await copyLibraries(tree, [from]);
}

export async function copyLibraries(tree: string, programs: readonly string[]): Promise<void> {
  const { stdout } = await run('ldd', [...programs]);
  for (const [, path = ''] of stdout.matchAll(/(\/\S+) \(0x/g)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    if (!existsSync(join(tree, path))) copyFileSync(path, join(tree, path));
  }
}

/** Boots an emulated machine that runs one script of node and powers off. Answers the lines of its console. */
export async function runInGuest(
  machine: Machine,
  script: string,
  env: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-guest-'));
  try {
    const image = await buildInitramfs(dir, machine, script, env);
    return await boot(image, machine.memoryMib, timeoutMs);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function boot(initramfs: string, memoryMib: number, timeoutMs: number): Promise<string[]> {
  const append = 'console=ttyS0 quiet loglevel=1 panic=-1 rdinit=/init';
  // Emulated in software: the machine of the tests is often a virtual one itself.
  const machine = ['-accel', 'tcg', '-cpu', 'max', '-smp', '2', '-m', `${memoryMib}`, '-nodefaults', '-no-reboot'];
  const screen = ['-display', 'none', '-serial', 'stdio'];
  const parts = ['-kernel', KERNEL, '-initrd', initramfs, '-append', append];
  // It ends with whoever started it, however that one ends.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', QEMU, ...machine, ...screen, ...parts], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  writeFileSync(CONSOLE, '');
  createInterface(qemu.stdout).on('line', (line) => {
    lines.push(line.trimEnd());
    appendFileSync(CONSOLE, `${line.trimEnd()}\n`);
  });
  const timer = setTimeout(() => qemu.kill('SIGKILL'), timeoutMs);
  return new Promise<string[]>((resolve, reject) => {
    qemu.once('error', reject);
    qemu.once('close', () => resolve(lines));
  }).finally(() => clearTimeout(timer));
}
