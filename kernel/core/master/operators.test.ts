import type { MasterEvent } from '@mezzo/sdk/api';
import type { ConnectionId } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import { MasterHarness, task } from '../../../tests/support/master-harness.js';

function subscribe(master: MasterHarness): ConnectionId {
  const connection = master.connection();
  master.dispatch({ type: 'operatorSubscribed', connection });
  return connection;
}

const published = (master: MasterHarness): MasterEvent[] =>
  master.effects.flatMap((effect) => (effect.type === 'publish' ? [effect.event] : []));

test('a subscriber gets the whole state, then everything that happens, in order', () => {
  const master = new MasterHarness();
  master.scheduler();
  const stream = subscribe(master);
  const [first, second] = master.sentTo<MasterEvent>(stream);
  expect(first!.subscribed!.getState!.getFrameworks!.frameworks).toHaveLength(1);
  expect(second).toEqual({ type: 'HEARTBEAT' });
  const agent = master.agent();
  const scheduler = master.scheduler();
  agent.disconnect();
  master.operator({ type: 'TEARDOWN', teardown: { frameworkId: { value: scheduler.id } } });
  expect(published(master).map(({ type }) => type)).toEqual(['AGENT_ADDED', 'FRAMEWORK_ADDED', 'FRAMEWORK_REMOVED']);
});

test('who and what is in SUBSCRIBED was there when it was asked for: what happens before it is written follows it', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  const stream = subscribe(master);
  agent.update(scheduler.id, 't', 'TASK_RUNNING');
  master.agent();
  master.scheduler();
  const { getTasks, getAgents, getFrameworks } = master.sentTo<MasterEvent>(stream)[0]!.subscribed!.getState!;
  expect(getTasks!.tasks!.map(({ state }) => state)).toEqual(['TASK_STAGING']);
  expect([getAgents!.agents!.length, getFrameworks!.frameworks!.length]).toEqual([1, 1]);
  expect(published(master).map(({ type }) => type)).toEqual(['TASK_UPDATED', 'AGENT_ADDED', 'FRAMEWORK_ADDED']);
});

test('tasks are published from launch to end', () => {
  const master = new MasterHarness();
  subscribe(master);
  const scheduler = master.scheduler();
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  agent.update(scheduler.id, 't', 'TASK_RUNNING');
  master.pass(100_000);
  const events = published(master).filter(({ type }) => type!.startsWith('TASK') || type === 'AGENT_REMOVED');
  expect(events.map((e) => [e.type, e.taskUpdated?.state])).toEqual([
    ['TASK_ADDED', undefined],
    ['TASK_UPDATED', 'TASK_RUNNING'],
    ['TASK_UPDATED', 'TASK_UNREACHABLE'],
    ['AGENT_REMOVED', undefined],
  ]);
});

test('a framework is published as it is, without what it holds; its tasks end with it, for that reason', () => {
  const master = new MasterHarness();
  subscribe(master);
  master.agent();
  const scheduler = master.scheduler();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  scheduler.call({ type: 'TEARDOWN' });
  const added = published(master).find(({ frameworkAdded }) => frameworkAdded)!.frameworkAdded!.framework;
  expect(added).toMatchObject({ connected: true, unregisteredTime: { nanoseconds: 0n } });
  expect(added).not.toHaveProperty('offers');
  const end = published(master).findLast(({ taskUpdated }) => taskUpdated)!.taskUpdated!.status;
  expect(end).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_FRAMEWORK_REMOVED' });
});

test('nothing is published when nobody listens, and the oldest stream gives way to one too many', () => {
  const master = new MasterHarness();
  master.agent();
  expect(published(master)).toEqual([]);
  const [first] = [subscribe(master), subscribe(master), subscribe(master)];
  expect(master.isClosed(first!)).toBe(true);
  expect(master.state.operators.size).toBe(2);
});

test('calls about what is not there are refused, calls that are not built say so', () => {
  const master = new MasterHarness();
  master.agent();
  expect(master.operator({ type: 'TEARDOWN', teardown: { frameworkId: { value: 'x' } } })).toMatchObject({
    status: 400,
  });
  expect(master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'x' } } })).toMatchObject({
    status: 404,
  });
  expect(master.operator({ type: 'DRAIN_AGENT', drainAgent: { agentId: { value: 'x' } } })).toMatchObject({
    status: 400,
    text: 'Unknown agent',
  });
  expect(master.operator({ type: 'UNKNOWN' })).toMatchObject({ status: 501, text: 'UNKNOWN is not supported yet' });
});
