import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Isolation } from '@mezzo/sdk/points/isolator';
import { FakeIsolator, type FakeIsolatorOptions } from '@mezzo/sdk/testing';
import { afterEach, expect, test } from 'vitest';
import { exploreMachine } from '../../plugins/containerizer-mesos/shell/machine.js';
import { AgentCluster, type TestScheduler } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';

let cluster: AgentCluster;
let scheduler: TestScheduler;

afterEach(() => cluster.destroy());

async function start(...options: readonly FakeIsolatorOptions[]): Promise<FakeIsolator[]> {
  const isolators = options.map((one) => new FakeIsolator(one));
  cluster = await AgentCluster.start([], [], isolators);
  scheduler = cluster.scheduler();
  await until('the agent serves', () => cluster.agent!.state.phase === 'serving');
  return isolators;
}
const restart = async (...isolators: readonly FakeIsolator[]) => {
  await cluster.stopAgent();
  cluster.isolators = isolators;
  await cluster.startAgent();
};
const log = () => readFileSync(join(cluster.home, 'logs/mezzo-agent.log'), 'utf8');
/** What is kept of containers beside their checkpoints. */
const traces = () =>
  readdirSync(join(cluster.home, 'run/containers')).flatMap((owner) =>
    readdirSync(join(cluster.home, 'run/containers', owner)),
  );

const machine = await exploreMachine({ namespaces: true, cgroups: true });
const lacks = machine.mode === 'namespaces' ? undefined : machine.notes.join('; ');

describeIf(lacks, 'containers under isolators', () => {
  test('a task has what isolators add to it, in the order of their activation, and its own variables go before', async () => {
    const seen = (name: string) => join(cluster.home, name);
    const one: Isolation = { env: { A: 'one', B: 'one', C: 'one' }, commands: [['touch', 'by-one']] };
    let sandbox = '';
    const [first, second] = await start(
      {
        name: 'one',
        isolation: () => ({ ...one, mounts: [{ type: 'tmpfs', target: '/mnt', sizeMib: 3, mode: 0o1777 }] }),
      },
      {
        name: 'two',
        isolation: (spec) => {
          sandbox = spec.sandbox;
          mkdirSync(seen('shared'), { recursive: true });
          writeFileSync(seen('shared/file'), 'of the machine');
          const target = '/media';
          const mounts = [{ type: 'bind', source: seen('shared'), target, readOnly: true } as const];
          return { env: { B: 'two', D: 'two' }, mounts, commands: [['test', '-e', 'by-one']] };
        },
      },
    );
    const script = 'echo $A $B $C $D; cat /media/file; touch /media/no || touch /mnt/yes && df -m /mnt | tail -n 1';
    const environment = { variables: [{ name: 'C', value: 'own' }] };
    await scheduler.run('t', script, { command: { value: script, environment } });
    const { containerStatus } = await scheduler.reaches('t', 'TASK_RUNNING');
    const containerId = containerStatus!.containerId!.value;
    await scheduler.reaches('t', 'TASK_FINISHED');
    expect(readFileSync(join(sandbox, 'stdout'), 'utf8')).toMatch(/^one one own two\nof the machinetmpfs +3 +/);
    expect(existsSync('/mnt/yes')).toBe(false);
    await until('all is cleaned up', () => second!.calls.includes(`cleanup ${containerId}`));
    const pid = /isolate \S+ (\d+)/.exec(first!.calls.join('\n'))?.[1];
    expect(first!.calls).toEqual([
      expect.stringMatching(/^recover/),
      ...[`prepare ${containerId}`, `isolate ${containerId} ${pid}`, `watch ${containerId}`, `cleanup ${containerId}`],
    ]);
    await until('nothing is left', () => traces().length === 0);
  });

  test('one that a container is no business of hears nothing more of it, and containers in it have what it has', async () => {
    const [only] = await start({
      isolation: ({ command }) => (command.argv[0] === 'true' ? undefined : { env: { SEEN: 'yes' } }),
    });
    await scheduler.run('none', 'true');
    await scheduler.reaches('none', 'TASK_FINISHED');
    expect(only!.calls.slice(1)).toEqual([expect.stringMatching(/^prepare /)]);
  });

  test('a bound that it tells ends the task, which fails with its words', async () => {
    const [bound] = await start({});
    for (const [limitation, reason] of [
      ['other', 'REASON_CONTAINER_LIMITATION'],
      ['disk', 'REASON_CONTAINER_LIMITATION_DISK'],
    ] as const) {
      await scheduler.run(limitation, 'sleep 1000');
      const { containerStatus } = await scheduler.reaches(limitation, 'TASK_RUNNING');
      bound!.limit(containerStatus!.containerId!.value, { limitation, message: 'more than it may' });
      const { message, reason: told } = await scheduler.reaches(limitation, 'TASK_FAILED');
      expect({ message, told }).toEqual({ message: 'more than it may', told: reason });
    }
  });

  test.each([
    ['throws in prepare', 'prepare', () => Promise.reject(new Error('boom')), 'prepare: boom'],
    ['hangs in prepare', 'prepare', () => new Promise<void>(() => {}), 'prepare: it took longer than 500 ms'],
    ['throws in isolate', 'isolate', () => Promise.reject(new Error('boom')), 'isolate: boom'],
    ['hangs in isolate', 'isolate', () => new Promise<void>(() => {}), 'isolate: it took longer than 500 ms'],
  ])('one that %s fails that launch, by its name, and no other', async (_, where, how, words) => {
    const isHostile = ({ command }: { command: { argv: readonly string[] } }) =>
      command.argv[0]!.startsWith('echo bad');
    const victims = new Set<string>();
    const [good, bad] = await start(
      {
        name: 'good',
        isolation: (spec) => {
          if (isHostile(spec)) victims.add(spec.containerId);
          return {};
        },
      },
      { name: 'bad', on: async (call, id) => (call === where && victims.has(id) ? how() : undefined) },
    );
    await scheduler.run('bad', 'echo bad; sleep 1000');
    await scheduler.run('other', 'true');
    await scheduler.reaches('other', 'TASK_FINISHED');
    const { message, reason } = await scheduler.reaches('bad', 'TASK_FAILED');
    expect(reason).toBe('REASON_CONTAINER_LAUNCH_FAILED');
    expect(message).toContain(`isolator bad failed to ${words}`);
    const [id] = victims;
    expect(good!.calls).toContain(`cleanup ${id}`);
    expect(bad!.calls).toContain(`cleanup ${id}`);
    await until('nothing is left', () => traces().length === 0);
    expect([...good!.kept, ...bad!.kept]).toEqual([]);
  });

  test('what cannot be done is refused in words: a mount, a command, an answer', async () => {
    const wrong: Record<string, Isolation> = {
      mount: { mounts: [{ type: 'bind', source: '/no/such', target: '/mnt' }] },
      path: { mounts: [{ type: 'tmpfs', target: '/mnt/../etc', sizeMib: 1 }] },
      command: { commands: [['false']] },
      data: { data: { long: 'x'.repeat(20_000) } },
      answer: { mounts: 3 } as never,
    };
    await start({ name: 'odd', isolation: ({ command }) => wrong[command.argv[0]!.slice(5)] ?? {} });
    const words: Record<string, string> = {
      mount: 'isolator odd: cannot mount over /mnt',
      path: 'isolator odd mounts over "/mnt/../etc", which is no absolute path',
      command: 'isolator odd: the command false failed',
      data: 'isolator odd keeps 20011 characters of a container',
      answer: 'isolator odd answered what is no isolation',
    };
    for (const [name, text] of Object.entries(words)) {
      await scheduler.run(name, `echo ${name}`);
      expect((await scheduler.reaches(name, 'TASK_FAILED')).message).toContain(text);
    }
    await until('nothing is left', () => traces().length === 0);
  });

  test('containers outlive the agent under their isolators, which are told of them and of nothing else', async () => {
    const [first] = await start({ isolation: ({ labels }) => ({ data: { label: labels?.['l'] ?? 'none' } }) });
    await scheduler.run('t', 'sleep 1000', { labels: { labels: [{ key: 'l', value: 'mine' }] } });
    const { containerStatus } = await scheduler.reaches('t', 'TASK_RUNNING');
    const containerId = containerStatus!.containerId!.value;
    const next = new FakeIsolator({ kept: first!.kept });
    first!.kept.add('a launch that the agent died in');
    await restart(next);
    await until('it is recovered', () => next.calls.includes(`watch ${containerId}`));
    expect(next.recovered).toEqual([expect.objectContaining({ containerId, data: { label: 'mine' } })]);
    expect([...next.kept]).toEqual([containerId]);
    next.limit(containerId, { limitation: 'other', message: 'enough' });
    expect((await scheduler.reaches('t', 'TASK_FAILED')).message).toBe('enough');
    await until('it is cleaned up', () => next.kept.size === 0);
  });

  test('an isolator that is gone is missed in the log alone; one that fails to recover or to clean up harms nobody', async () => {
    await start({ name: 'gone' });
    await scheduler.run('t', 'sleep 1000');
    await scheduler.reaches('t', 'TASK_RUNNING');
    const throws = (call: string) => (call === 'prepare' ? undefined : Promise.reject(new Error(`no ${call}`)));
    await restart(new FakeIsolator({ name: 'other', on: async (call) => throws(call) }));
    await until('it is recovered', () => cluster.agent!.state.phase === 'serving');
    expect(log()).toMatch(/"isolator":"gone","msg":"a container goes on without an isolator/);
    expect(log()).toContain('isolator other failed to recover: no recover');
    await scheduler.kill('t');
    await scheduler.reaches('t', 'TASK_KILLED');
    await until('nothing is left', () => traces().length === 0);
  });
});
