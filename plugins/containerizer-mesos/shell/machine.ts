import { execFile } from 'node:child_process';
import { access, constants, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Mode } from '../core/checkpoint.js';
import type { Tools } from '../core/run-script.js';
import type { Cgroups } from './cgroups.js';
import { CgroupsV1 } from './cgroups-v1.js';
import { CgroupsV2 } from './cgroups-v2.js';

/** What the machine lets this process do, tried rather than guessed. */
export interface Machine {
  readonly mode: Mode;
  /** Command line in front of the shim, empty without namespaces. */
  readonly unshare: readonly string[];
  readonly cgroups?: Cgroups;
  readonly tools: Tools;
  readonly notes: readonly string[];
}

export interface MachineOptions {
  /** False: never use namespaces, for a machine on which they do harm. */
  readonly namespaces: boolean;
  readonly cgroups: boolean;
}

const PROBE_TIMEOUT_MS = 5_000;
const DIRS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];

export async function exploreMachine(options: MachineOptions): Promise<Machine> {
  const tools = await findTools();
  // Without it nothing can be started that outlives the agent; busybox has one that cannot do it.
  if (!(await works([tools.setsid, '-f', 'true'])))
    throw new MezzoError('MACHINE_UNFIT', `${tools.setsid} -f does not work on this machine`, {
      blame: 'environment',
      next: 'install util-linux',
    });
  const [mode, unshare, modeNotes] = await findMode(tools, options);
  const [cgroups, cgroupNotes] = options.cgroups ? await findCgroups() : [undefined, ['cgroups are switched off']];
  return {
    mode,
    unshare,
    tools,
    notes: [...modeNotes, ...cgroupNotes, ...(await missing(tools))],
    ...(cgroups !== undefined && { cgroups }),
  };
}

async function findTools(): Promise<Tools> {
  const find = async (name: string) => {
    for (const dir of DIRS) if (await isExecutable(`${dir}/${name}`)) return `${dir}/${name}`;
    return `/usr/bin/${name}`;
  };
  const names = ['env', 'setpriv', 'unshare', 'nsenter', 'timeout', 'tail', 'setsid', 'mount', 'script'] as const;
  const paths = await Promise.all(names.map(async (name) => [name, await find(name)] as const));
  return Object.fromEntries(paths) as unknown as Tools;
}

const COSTS = {
  env: 'variables with unusual names are lost',
  setpriv: 'tasks cannot run as other users',
  nsenter: 'neither commands (health checks) nor further containers can enter a container',
  timeout: 'commands (health checks) cannot be run',
  tail: 'commands (health checks) tell no output',
  mount: 'isolators cannot mount anything into containers',
  script: 'sessions in containers have no terminal',
};

async function missing(tools: Tools): Promise<string[]> {
  const notes = Object.entries(COSTS).map(async ([name, cost]) => {
    const path = tools[name as keyof typeof COSTS];
    return (await isExecutable(path)) ? [] : [`${path} is missing: ${cost}`];
  });
  return (await Promise.all(notes)).flat();
}

export const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

const KINDS = ['--pid', '--uts', '--ipc', '--mount-proc', '--fork', '--'];

async function findMode(tools: Tools, options: MachineOptions): Promise<[Mode, readonly string[], string[]]> {
  if (!options.namespaces)
    return ['group', [], ['namespaces are switched off: tasks see, and can signal, other processes']];
  const root = process.getuid?.() === 0;
  const plain = [tools.unshare, ...KINDS];
  if (root && (await works([...plain, 'true']))) return ['namespaces', plain, []];
  const user = [tools.unshare, '--user', '--map-current-user', '--keep-caps', ...KINDS];
  const dropped = [tools.setpriv, '--ambient-caps=-all', '--inh-caps=-all', '--', 'true'];
  if (!root && (await works([...user, ...dropped])))
    return ['user-namespaces', user, ["not root: tasks run in namespaces of the agent's user, who can be no one else"]];
  const why = root ? 'the kernel refuses namespaces' : 'not root and no user namespaces';
  return [
    'group',
    [],
    [`${why}: tasks are plain process groups, and what leaves its group is not ended with the task`],
  ];
}

function works([program = '', ...args]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' }, (error) => resolve(error === null));
  });
}

interface Mount {
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
}

async function mounts(): Promise<Mount[]> {
  return (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path = '', type = '', options = '']) => ({ path, type, options: options.split(',') }));
}

async function findCgroups(): Promise<[Cgroups | undefined, string[]]> {
  const found = await mounts();
  const v1 = (controller: string) => found.find((m) => m.type === 'cgroup' && m.options.includes(controller))?.path;
  const [cpu, cpuacct, memory] = [v1('cpu'), v1('cpuacct'), v1('memory')];
  if (cpu !== undefined && cpuacct !== undefined && memory !== undefined) {
    const refused = await firstRefused([cpu, cpuacct, memory]);
    if (refused === undefined) return [new CgroupsV1({ cpu, cpuacct, memory }), []];
    return [undefined, [`${refused} cannot be written: ${COST}`]];
  }
  const v2 = found.find((m) => m.type === 'cgroup2')?.path;
  if (v2 === undefined) return [undefined, [`no cgroups are mounted: ${COST}`]];
  const offered = (await readFile(`${v2}/cgroup.controllers`, 'utf8').catch(() => '')).trim().split(' ');
  if (!offered.includes('cpu') || !offered.includes('memory'))
    return [undefined, [`${v2} offers no cpu and memory controllers: ${COST}`]];
  // A cgroup that holds processes, as in a container, hands down no controllers.
  const hands = await writeFile(`${v2}/cgroup.subtree_control`, '+cpu +memory').then(
    () => true,
    () => false,
  );
  const refused = hands ? await firstRefused([v2]) : `${v2}/cgroup.subtree_control`;
  return refused === undefined ? [new CgroupsV2(v2), []] : [undefined, [`${refused} cannot be written: ${COST}`]];
}

const COST = 'cpu and memory are accounted, not enforced';

/** The first of them in which this process may not make a cgroup. */
async function firstRefused(dirs: readonly string[]): Promise<string | undefined> {
  for (const dir of new Set(dirs)) {
    const probe = `${dir}/mezzo-probe-${process.pid}`;
    const made = await mkdir(probe).then(
      () => rmdir(probe).then(() => true),
      () => false,
    );
    if (!made) return dir;
  }
  return undefined;
}
