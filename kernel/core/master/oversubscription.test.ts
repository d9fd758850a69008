import type { Resource } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import {
  MasterHarness,
  resources,
  task,
  type TestAgent,
  type TestScheduler,
} from '../../../tests/support/master-harness.js';
import { Resources } from '../resources/index.js';

const REVOCABLE = [{ type: 'MULTI_ROLE' }, { type: 'REVOCABLE_RESOURCES' }] as const;
const firm = 'cpus:4;mem:4096';
const spare = (value: number, name = 'cpus'): Resource => ({
  ...{ name, type: 'SCALAR', scalar: { value }, revocable: {} },
});
const say = (agent: TestAgent, ...extra: Resource[]) =>
  agent.call({ type: 'updateResources', resources: [...resources(firm), ...extra] });
const had = ({ offers }: TestScheduler) => offers.map((offer) => String(Resources.of(offer.resources).unallocate()));

test('what is revocable is offered to those who know it, and to nobody else', () => {
  const master = new MasterHarness();
  const agent = master.agent(firm);
  say(agent, spare(2));
  const plain = master.scheduler();
  expect(had(plain)).toEqual(['cpus:4; mem:4096']);
  const knowing = master.scheduler({ capabilities: [...REVOCABLE] });
  expect(had(knowing)).toEqual(['cpus{REV}:2']);
});

test('when it changes, offers that have any of it are taken back, and no others', () => {
  const master = new MasterHarness();
  const agent = master.agent(firm);
  const plain = master.scheduler();
  const knowing = master.scheduler({ capabilities: [...REVOCABLE] });
  say(agent, spare(2));
  expect(had(knowing)).toEqual(['cpus{REV}:2']);
  say(agent, spare(1));
  expect(had(knowing)).toEqual(['cpus{REV}:2', 'cpus{REV}:1']);
  say(agent);
  expect([plain.types, knowing.types].map((all) => all.filter((type) => type === 'RESCIND').length)).toEqual([0, 2]);
  expect(had(plain)).toHaveLength(1);
});

test('a task runs on it, and more may be in use than there is; what ends then is not offered again', () => {
  const master = new MasterHarness();
  const agent = master.agent(firm);
  say(agent, spare(2));
  const knowing = master.scheduler({ capabilities: [...REVOCABLE] });
  const [offer] = knowing.offers;
  knowing.launch([offer!], task('t', offer!, '', { resources: [spare(2), ...resources('mem:32')] }));
  expect(agent.of('runTask')[0]?.task.resources?.[0]).toMatchObject({ revocable: {} });
  agent.update(knowing.id, 't', 'TASK_RUNNING');
  say(agent, spare(1));
  const before = knowing.offers.length;
  say(agent);
  agent.update(knowing.id, 't', 'TASK_GONE');
  expect(had(knowing).slice(before).join()).not.toContain('REV');
});

test.each([
  ['of a task', [spare(1), ...resources('cpus:1')], undefined],
  ['of a task and its executor', [spare(1)], resources('cpus:1;mem:32')],
])('what may and what may not be taken away do not mix: %s', (_, list, own) => {
  const master = new MasterHarness();
  say(master.agent(firm), spare(2));
  const knowing = master.scheduler({ capabilities: [...REVOCABLE] });
  const [offer] = knowing.offers;
  const executor = { executorId: { value: 'e' }, command: { value: 'x' }, ...(own && { resources: own }) };
  const { command: _command, ...info } = task('t', offer!, '', { resources: list });
  knowing.launch([offer!], own ? { ...info, executor } : task('t', offer!, '', { resources: list }));
  expect(knowing.lastStatus).toMatchObject({
    state: 'TASK_ERROR',
    message: expect.stringContaining("Cannot use both revocable and non-revocable 'cpus' at the same time"),
  });
});

test('nor in a group and its executor', () => {
  const master = new MasterHarness();
  say(master.agent(firm), spare(2));
  const knowing = master.scheduler({ capabilities: [...REVOCABLE] });
  const [offer] = knowing.offers;
  const own = resources('cpus:0.1;mem:32;disk:32');
  const executor = { type: 'DEFAULT' as const, executorId: { value: 'e' }, resources: own };
  const tasks = [task('t', offer!, '', { resources: [spare(1)] })];
  const launch = { type: 'LAUNCH_GROUP' as const, launchGroup: { executor, taskGroup: { tasks } } };
  knowing.call({ type: 'ACCEPT', accept: { offerIds: [offer!.id], operations: [launch] } });
  expect(knowing.lastStatus).toMatchObject({
    state: 'TASK_ERROR',
    reason: 'REASON_TASK_GROUP_INVALID',
    message: expect.stringContaining("Cannot use both revocable and non-revocable 'cpus'"),
  });
});
