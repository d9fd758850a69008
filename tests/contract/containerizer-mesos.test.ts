import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Isolator } from '@mezzo/sdk/points/isolator';
import { containerizerSuite, FakeIsolator } from '@mezzo/sdk/testing';
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

const create = (options: MachineOptions, isolators: readonly Isolator[]) => async (home: string) => {
  const containerizer = new MesosContainerizer({ ...options, runtimeDir: join(home, 'run'), cfs: false });
  await containerizer.start(isolators);
  return containerizer;
};

/** Sandboxes, and all that the containerizer needs itself, lie below. */
const hidesAll = new FakeIsolator({
  isolation: () => ({
    env: { HIDDEN: tmpdir() },
    mounts: [{ type: 'tmpfs', target: tmpdir(), sizeMib: 16, mode: 0o1777 }],
    commands: [['/bin/sh', '-c', `test -z "$(find ${tmpdir()} -xdev -type f)"`]],
  }),
});

async function suite(
  title: string,
  options: MachineOptions,
  wanted: 'namespaces' | 'group',
  isolators: readonly Isolator[] = [],
) {
  const machine = await exploreMachine(options);
  const lacks = machine.mode === wanted ? undefined : machine.notes.join('; ');
  describeIf(lacks, title, () => {
    const capabilities = { cgroups: machine.cgroups?.version ?? 'none', nesting: true, streams: 'tty' } as const;
    const laws = containerizerSuite({ create: create(options, isolators), capabilities, residue });
    for (const law of laws) if (law.skip === undefined) it(law.title, { timeout: law.timeoutMs }, law.run);
  });
}

await suite('containerizer-mesos with namespaces', { namespaces: true, cgroups: true }, 'namespaces');
await suite('containerizer-mesos with an isolator', { namespaces: true, cgroups: true }, 'namespaces', [hidesAll]);
await suite('containerizer-mesos with plain process groups', { namespaces: false, cgroups: false }, 'group');
