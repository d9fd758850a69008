import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { delimiter, join } from 'node:path';
import { anyDaemonAlive } from '../up/daemon.js';
import { planUp } from '../up/plan.js';
import { measureMachine, isZookeeperClientThere, portProblem } from '../up/preflight.js';
import type { WorkDir } from './workdir.js';

/** `ok`: there. `lack`: works without it, at the cost that is told. `fail`: `mezzo up` will not work. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'lack' | 'fail';
  readonly found: string;
  /** What the lack costs, and what to do about it. */
  readonly cost?: string;
}

const ok = (name: string, found: string): Finding => ({ name, state: 'ok', found });
const lack = (name: string, found: string, cost: string): Finding => ({ name, state: 'lack', found, cost });
const fail = (name: string, found: string, cost: string): Finding => ({ name, state: 'fail', found, cost });

const which = (program: string): string | undefined =>
  (process.env.PATH ?? '/usr/bin:/bin')
    .split(delimiter)
    .concat('/usr/sbin', '/sbin')
    .map((dir) => join(dir, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function node(): Finding {
  const { node: version } = process.versions;
  return Number(version.split('.')[0]) >= 20
    ? ok('node', version)
    : fail('node', version, 'Mezzo needs Node 20 or newer: install it.');
}

function root(): Finding {
  return process.getuid?.() === 0
    ? ok('root', 'yes')
    : lack(
        'root',
        'no',
        'Tasks run as plain process groups of this user: no namespaces, no enforced limits, no switching of users. Run as root for isolation.',
      );
}

function cgroups(): Finding {
  const cost =
    'Limits of cpu and memory are accounted, not enforced; a greedy task can starve others. Run as root with cgroups mounted.';
  const v2 = read('/sys/fs/cgroup/cgroup.controllers');
  const isV2 = /\bmemory\b/.test(v2) && /\bcpu\b/.test(v2);
  const roots = isV2 ? ['/sys/fs/cgroup'] : ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/memory'];
  if (!isV2 && !roots.every((dir) => existsSync(`${dir}/tasks`)))
    return lack('cgroups', 'no cpu and memory controllers', cost);
  const found = isV2 ? `v2 (${v2.trim()})` : 'v1 (cpu, memory)';
  return roots.every(isWritable)
    ? ok('cgroups', found)
    : lack('cgroups', `${found}, which this user may not change`, cost);
}

function namespaces(): Finding {
  if (!which('unshare'))
    return lack('namespaces', 'no unshare program', 'Tasks see the processes of the host. Install util-linux.');
  const { status, stderr } = spawnSync('unshare', ['--fork', '--pid', '--mount', '--uts', '--ipc', 'true'], {
    encoding: 'utf8',
    timeout: 5000,
  });
  if (status === 0) return ok('namespaces', 'pid, mount, uts, ipc');
  return lack(
    'namespaces',
    (stderr ?? '').trim() || 'refused',
    'Tasks see the processes of the host and share its mounts. Needs root.',
  );
}

function overlay(): Finding {
  if (/\boverlay\b/.test(read('/proc/filesystems'))) return ok('overlay', 'yes');
  return lack(
    'overlay',
    'not loaded',
    'Images of the Mesos containerizer (a later release) will be copied instead of layered: modprobe overlay.',
  );
}

async function docker(): Promise<Finding> {
  const socketPath = (process.env.DOCKER_HOST ?? '').replace(/^unix:\/\//, '') || '/var/run/docker.sock';
  const cost =
    'Apps with a container of type DOCKER cannot run. Install Docker Engine (Debian: apt-get install docker.io) and start it.';
  if (!existsSync(socketPath)) return lack('docker', `no socket at ${socketPath}`, cost);
  const version = await new Promise<string | undefined>((resolve) => {
    const call = request({ socketPath, path: '/version', timeout: 3000 }, (answer) => {
      let body = '';
      answer
        .setEncoding('utf8')
        .on('data', (chunk: string) => (body += chunk))
        .on('end', () => resolve(/"Version":"([^"]+)"/.exec(body)?.[1]));
    });
    call
      .on('error', () => resolve(undefined))
      .on('timeout', () => call.destroy())
      .end();
  });
  return version === undefined
    ? lack('docker', `${socketPath} does not answer`, cost)
    : ok('docker', `${version} at ${socketPath}`);
}

function zookeeper(): Finding {
  return isZookeeperClientThere()
    ? ok('zookeeper', 'client is built')
    : lack(
        'zookeeper',
        'client is not built',
        'One master only (the embedded store). For several: install build-essential and python3, run `npm run build:zookeeper`, and run ZooKeeper servers.',
      );
}

async function ports(workDir: WorkDir, portOffset: number): Promise<Finding> {
  if (workDir.cluster?.portOffset === portOffset && anyDaemonAlive(workDir))
    return ok('ports', 'served by the cluster that runs in this work directory');
  const { ports: wanted } = planUp({ cpus: 1, memMib: 4096, diskMib: 4096 }, { agents: 1, portOffset });
  const taken: string[] = [];
  for (const { port, who, udp } of wanted) {
    const problem = await portProblem(port, udp);
    if (problem !== undefined) taken.push(`${port}${udp ? '/udp' : ''} (${who}) ${problem}`);
  }
  if (taken.length === 0)
    return ok(
      'ports',
      wanted
        .map(({ port }) => port)
        .filter((port, i, all) => all.indexOf(port) === i)
        .join(', '),
    );
  return lack(
    'ports',
    taken.join('; '),
    '`mezzo up` needs other ports: free these, or move all with --port-offset (2000, say).',
  );
}

function memory(workDir: string): Finding {
  const { memMib, diskMib, cpus } = measureMachine(workDir);
  const found = `${cpus} cpus, ${memMib} MiB of memory free, ${diskMib} MiB of disk free`;
  return memMib < 576
    ? fail('resources', found, 'Too little memory: the daemons want 512 MiB and the smallest agent 64 MiB.')
    : ok('resources', found);
}

function directory(workDir: string): Finding {
  let dir = workDir;
  while (!existsSync(dir)) dir = join(dir, '..');
  if (isWritable(dir)) return ok('work directory', workDir);
  return fail('work directory', `${dir} cannot be written`, 'Name another with --work-dir.');
}

/** What this machine offers, and what each lack costs. */
export async function examine(workDir: WorkDir, portOffset: number): Promise<Finding[]> {
  let existing = workDir.path;
  while (!existsSync(existing)) existing = join(existing, '..');
  return [
    node(),
    directory(workDir.path),
    memory(existing),
    root(),
    cgroups(),
    namespaces(),
    overlay(),
    await docker(),
    zookeeper(),
    await ports(workDir, portOffset),
  ];
}
