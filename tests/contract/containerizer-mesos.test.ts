import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { containerizerSuite } from '@mezzo/sdk/testing';
import { it } from 'vitest';
import { exploreMachine, type MachineOptions } from '../../plugins/containerizer-mesos/shell/machine.js';
import { MesosContainerizer } from '../../plugins/containerizer-mesos/shell/mesos-containerizer.js';
import { describeIf } from '../support/skip.js';

const HIERARCHIES = ['cpu', 'cpuacct', 'memory', 'unified', ''].map((name) => join('/sys/fs/cgroup', name));

const names = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
};

/** Cgroups of the owner, and files that say something of its containers. */
const residue = async (home: string, owner: string): Promise<string[]> =>
  [
    ...HIERARCHIES.map((dir) => join(dir, 'mezzo', owner)),
    join(home, 'run/containers', owner),
    join(home, 'run/exits', owner),
  ]
    .flatMap((dir) => names(dir).map((name) => join(dir, name)))
    .filter((path) => !/\/(cgroup|cpu|cpuacct|memory|tasks|notify_on_release|io|pids)[^/]*$/.test(path));

const create = (options: MachineOptions) => async (home: string) => {
  const containerizer = new MesosContainerizer({ ...options, runtimeDir: join(home, 'run'), cfs: false });
  await containerizer.start();
  return containerizer;
};

async function suite(title: string, options: MachineOptions, wanted: 'namespaces' | 'group') {
  const machine = await exploreMachine(options);
  const lacks = machine.mode === wanted ? undefined : machine.notes.join('; ');
  describeIf(lacks, title, () => {
    const capabilities = { cgroups: machine.cgroups?.version ?? 'none', nesting: true, streams: 'tty' } as const;
    const laws = containerizerSuite({ create: create(options), capabilities, residue });
    for (const law of laws) if (law.skip === undefined) it(law.title, { timeout: law.timeoutMs }, law.run);
  });
}

await suite('containerizer-mesos with namespaces', { namespaces: true, cgroups: true }, 'namespaces');
await suite('containerizer-mesos with plain process groups', { namespaces: false, cgroups: false }, 'group');
