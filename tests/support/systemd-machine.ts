import { chmodSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../tidy/sources.js';
import { copyLibraries, copyProgram, type Machine } from './guest.js';
import { JAR } from './zookeeper-server.js';

const SYSTEMD = '/lib/systemd/systemd';
const PROGRAMS = ['systemctl', 'systemd-notify', 'systemd-sysusers', 'journalctl', 'install'].map(
  (name) => `/bin/${name}`,
);

/** Why this machine cannot lend its systemd; undefined = it can. */
export function systemdLack(): string | undefined {
  const missing = [SYSTEMD, ...PROGRAMS].find((path) => !existsSync(path));
  return missing === undefined ? undefined : `${missing} is missing`;
}

/** All that runs in the guest, beside what systemd starts for it. */
const unit = (env: Readonly<Record<string, string>>) => `[Unit]
Wants=systemd-journald.service
After=systemd-journald.service
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
Environment=${Object.entries(env)
  .map(([name, value]) => `'${name}=${value}'`)
  .join(' ')}
ExecStart=/bin/sh -c 'echo "guest $$(uname -r): $$(systemctl --version | head -n 1)"; exec node /main.mjs'
ExecStopPost=/bin/sh -c 'echo "guest ends with $$EXIT_STATUS"'
StandardOutput=file:/dev/ttyS0
StandardError=inherit
TimeoutStartSec=infinity
`;

/** Process 1 is this machine's systemd; at /opt/mezzo is this checkout, and Java and ZooKeeper are where Debian has them. */
export const systemdMachine: Machine = {
  memoryMib: 3072,
  // A root that is a mount: the first file system of a kernel is none that units could be shut in.
  init: (env) => `#!/bin/sh
cat >/etc/systemd/system/laws.service <<'END'
${unit(env)}END
mount -o bind / /mnt && cd /mnt && mount --move . / && exec chroot . ${SYSTEMD} --unit=laws.service --show-status=no
`,
  async furnish(tree) {
    chmodSync(tree, 0o755);
    for (const dir of ['etc/systemd/system', 'home', 'opt', 'run', 'var/lib', 'var/log', 'var/tmp'])
      mkdirSync(join(tree, dir), { recursive: true });
    // One that has none is at its first boot, and enables all that it finds.
    writeFileSync(join(tree, 'etc/machine-id'), `${'1'.repeat(32)}\n`);
    writeFileSync(join(tree, 'etc/hosts'), '127.0.0.1 localhost\n');
    for (const program of [SYSTEMD, '/lib/systemd/systemd-journald', ...PROGRAMS]) await copyProgram(tree, program);
    copyTree(tree, '/lib/systemd/system', /\.wants$/);
    copyTree(tree, join(root, 'node_modules'), DEVELOPMENT, '/opt/mezzo/node_modules');
    for (const folder of ['build/registry', 'cli', 'kernel', 'packaging', 'plugins', 'sdk', 'package.json'])
      copyTree(tree, join(root, folder), /^$/, `/opt/mezzo/${folder}`);
    await copyJava(tree);
  },
};

/** Large, and of no use to what runs. */
const DEVELOPMENT =
  /node_modules\/(typescript|prettier|playwright-core|lightningcss.*|@(esbuild|rolldown|typescript-eslint))$/;

function copyTree(tree: string, from: string, without: RegExp, to = from): void {
  cpSync(from, join(tree, to), { recursive: true, verbatimSymlinks: true, filter: (path) => !without.test(path) });
}

async function copyJava(tree: string): Promise<void> {
  const java = realpathSync('/usr/bin/java');
  const home = dirname(dirname(java));
  for (const dir of [home, dirname(JAR)])
    cpSync(dir, join(tree, dir), {
      ...{ recursive: true, dereference: true },
      filter: (path) => existsSync(path) && !/\/(jmods|docs|man|src\.zip)$/.test(path),
    });
  symlinkSync(java, join(tree, 'usr/bin/java'));
  const libraries = ['server/libjvm.so', 'libzip.so', 'libnio.so'].map((name) => join(home, 'lib', name));
  await copyLibraries(tree, [java, ...libraries]);
}
