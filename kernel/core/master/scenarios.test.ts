import type { SchedulerCall, TaskState } from '@mezzo/sdk/api';
import { asId, type AgentId } from '@mezzo/sdk/contract';
import { describe, expect, test } from 'vitest';
import {
  agentTask,
  MasterHarness,
  MULTI_ROLE,
  PARTITION_AWARE,
  resources,
  task,
  type TestScheduler,
} from '../../../tests/support/master-harness.js';
import type { AgentRecord } from './effects.js';

/** The master's part of docs/SCENARIOS.md that no other test tells. */

const AWARE = { capabilities: [MULTI_ROLE, PARTITION_AWARE] };
const UNAWARE = { capabilities: [MULTI_ROLE] };

const held = (id: string) =>
  task(id, { agentId: { value: 'm-S0' } }, undefined, {
    resources: resources('cpus:1;mem:128').map((one) => ({ ...one, allocationInfo: { role: 'web' } })),
  });

function running(info: object = AWARE) {
  const master = new MasterHarness();
  const scheduler = master.scheduler(info);
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  agent.update(scheduler.id, 't', 'TASK_RUNNING');
  scheduler.acknowledge();
  return { master, scheduler, agent, told: agentTask(scheduler.id, held('t')) };
}

const ask = (taskId: string, agentId?: string): SchedulerCall => ({
  type: 'RECONCILE',
  reconcile: { tasks: [{ taskId: { value: taskId }, ...(agentId !== undefined && { agentId: { value: agentId } }) }] },
});

const answersTo = (scheduler: TestScheduler, call: SchedulerCall): string[] => {
  const before = scheduler.updates.length;
  scheduler.call(call);
  return scheduler.updates.slice(before);
};

describe.each([
  ['a framework that knows partitions', AWARE, (state: TaskState) => state],
  ['a framework that does not', UNAWARE, () => 'TASK_LOST' as const],
])('reconciliation tells %s', (_, info, told) => {
  test('the latest state of a task that is known', () => {
    const { scheduler } = running(info);
    expect(answersTo(scheduler, ask('t', 'm-S0'))).toEqual(['t TASK_RUNNING']);
    expect(answersTo(scheduler, { type: 'RECONCILE', reconcile: {} })).toEqual(['t TASK_RUNNING']);
  });

  test('nothing of an agent that is on its way back, nor of any task without an agent meanwhile', () => {
    const { master: old } = running();
    const record = old.registry.get('m-S0') as AgentRecord;
    const master = new MasterHarness({}, [{ op: 'putAgent', id: asId<AgentId>('m-S0'), record }]);
    const scheduler = master.scheduler(info);
    expect(answersTo(scheduler, ask('t', 'm-S0'))).toEqual([]);
    expect(answersTo(scheduler, ask('t'))).toEqual([]);
    expect(answersTo(scheduler, ask('t', 'another'))).toEqual([`t ${told('TASK_UNKNOWN')}`]);
    master.pass(600_000);
    expect(answersTo(scheduler, ask('t'))).toEqual([`t ${told('TASK_UNKNOWN')}`]);
  });

  test('that a task is gone which its agent does not have', () => {
    const { scheduler } = running(info);
    expect(answersTo(scheduler, ask('nope', 'm-S0'))).toEqual([`nope ${told('TASK_GONE')}`]);
  });

  test('what is unreachable, since when, and what was marked gone', () => {
    const { master, scheduler } = running(info);
    master.pass(100_000);
    expect(answersTo(scheduler, ask('t', 'm-S0'))).toEqual([`t ${told('TASK_UNREACHABLE')}`]);
    expect(scheduler.lastStatus!.unreachableTime).toBeDefined();
    master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'm-S0' } } });
    expect(answersTo(scheduler, ask('t', 'm-S0'))).toEqual([`t ${told('TASK_GONE_BY_OPERATOR')}`]);
  });

  test('that nobody knows the rest', () => {
    const { scheduler } = running(info);
    expect(answersTo(scheduler, ask('nope', 'no-agent'))).toEqual([`nope ${told('TASK_UNKNOWN')}`]);
    expect(answersTo(scheduler, ask('nope'))).toEqual([`nope ${told('TASK_UNKNOWN')}`]);
    expect(scheduler.lastStatus).toMatchObject({ source: 'SOURCE_MASTER', reason: 'REASON_RECONCILIATION' });
    expect(scheduler.lastStatus).not.toHaveProperty('uuid');
  });
});

describe('what a framework that knows no partitions is told', () => {
  const STATES: [TaskState, TaskState][] = [
    ...(['STAGING', 'STARTING', 'RUNNING', 'KILLING', 'FINISHED', 'FAILED', 'KILLED', 'ERROR', 'LOST'] as const).map(
      (name): [TaskState, TaskState] => [`TASK_${name}`, `TASK_${name}`],
    ),
    ...(['DROPPED', 'UNREACHABLE', 'GONE', 'GONE_BY_OPERATOR', 'UNKNOWN'] as const).map(
      (name): [TaskState, TaskState] => [`TASK_${name}`, 'TASK_LOST'],
    ),
  ];

  test.each(STATES)('of %s from an agent is %s, for the same reason', (state, told) => {
    const { scheduler, agent } = running(UNAWARE);
    const status = { taskId: { value: 't' }, state, uuid: 'u', reason: 'REASON_EXECUTOR_TERMINATED' } as const;
    agent.call({ type: 'statusUpdate', frameworkId: scheduler.id, status, latestState: state });
    expect(scheduler.lastStatus).toMatchObject({ state: told, reason: 'REASON_EXECUTOR_TERMINATED', uuid: 'u' });
  });

  test.each([
    [AWARE, 'TASK_GONE_BY_OPERATOR', 'REASON_AGENT_REMOVED_BY_OPERATOR'],
    [UNAWARE, 'TASK_LOST', 'REASON_AGENT_REMOVED'],
  ])('of an agent that is marked gone has a reason that it knows', (info, state, reason) => {
    const { master, scheduler } = running(info);
    master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'm-S0' } } });
    expect(scheduler.lastStatus).toMatchObject({ state, reason });
  });

  test.each([
    [AWARE, 'TASK_DROPPED'],
    [UNAWARE, 'TASK_LOST'],
  ])('of an offer that is gone', (info, state) => {
    const { scheduler } = running(info);
    scheduler.launch([{ ...scheduler.offers[0]!, id: { value: 'm-O99' } }], task('late', scheduler.offers[0]!));
    expect(scheduler.lastStatus).toMatchObject({ state, reason: 'REASON_INVALID_OFFERS', source: 'SOURCE_MASTER' });
    expect(scheduler.lastStatus).not.toHaveProperty('uuid');
  });
});

describe('a partition', () => {
  test('is over for a framework that knows none as well: the task that was lost runs', () => {
    const { master, scheduler, agent, told } = running(UNAWARE);
    master.pass(100_000);
    expect(scheduler.updates.at(-1)).toBe('t TASK_LOST');
    agent.subscribe({ tasks: [told] });
    expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_RUNNING', reason: 'REASON_AGENT_REREGISTERED' });
    expect(agent.of('killTask')).toEqual([]);
  });

  test('in which a task ended tells its end when it is over, and the resources are free', () => {
    const { master, scheduler, agent, told } = running();
    master.pass(100_000);
    agent.subscribe({ tasks: [{ ...told, state: 'TASK_FINISHED' }] });
    agent.update(scheduler.id, 't', 'TASK_FINISHED');
    expect(scheduler.updates.at(-1)).toBe('t TASK_FINISHED');
    scheduler.acknowledge();
    expect(agent.of('acknowledge')).toHaveLength(1);
    const [offer] = scheduler.offers.slice(-1);
    expect(offer!.resources!.find(({ name }) => name === 'cpus')!.scalar).toEqual({ value: 4 });
  });

  test('that the agent alone noticed changes nothing: it registers again, and its tasks are told to nobody', () => {
    const { scheduler, agent, told } = running();
    const before = scheduler.updates.length;
    agent.subscribe({ tasks: [told] });
    agent.subscribe({ tasks: [told] });
    expect(scheduler.updates.slice(before)).toEqual([]);
    expect(agent.of('registered').at(-1)).toMatchObject({ agentId: 'm-S0' });
  });

  test('one way: what an agent says on a stream that was given up is refused until it registers again', () => {
    const { master, scheduler, agent, told } = running();
    master.pass(100_000);
    const status = { taskId: { value: 't' }, state: 'TASK_FAILED', uuid: 'u' } as const;
    const call = { type: 'statusUpdate', frameworkId: scheduler.id, status, latestState: 'TASK_FAILED' } as const;
    expect(agent.call(call)).toMatchObject({ status: 409 });
    expect(scheduler.updates.at(-1)).toBe('t TASK_UNREACHABLE');
    agent.subscribe({ tasks: [told] });
    expect(agent.call(call)).toMatchObject({ status: 202 });
    expect(scheduler.updates.at(-1)).toBe('t TASK_FAILED');
  });
});

describe('races', () => {
  test('offers of before a failover are nobody\u2019s: accepted by the new scheduler, its tasks are dropped', () => {
    const master = new MasterHarness();
    const first = master.scheduler();
    master.agent();
    const [offer] = first.offers;
    const second = master.scheduler({ id: { value: first.id } });
    second.launch([offer!], task('t', offer!));
    expect(second.updates).toEqual(['t TASK_DROPPED']);
    expect(second.offers.at(-1)!.id).not.toEqual(offer!.id);
  });

  test('an offer that was rescinded while it was being accepted costs the task, not the agent', () => {
    const { master, scheduler, agent } = running();
    const [offer] = scheduler.offers.slice(-1);
    master.operator({ type: 'DEACTIVATE_AGENT', deactivateAgent: { agentId: { value: 'm-S0' } } });
    scheduler.launch([offer!], task('late', offer!));
    expect(scheduler.updates.at(-1)).toBe('late TASK_DROPPED');
    expect(agent.of('runTask').map((one) => one.task.taskId.value)).toEqual(['t']);
  });

  test('an offer that is named twice in one call spoils it', () => {
    const { scheduler } = running();
    const [offer] = scheduler.offers.slice(-1);
    scheduler.launch([offer!, offer!], task('twice', offer!));
    expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_DROPPED', reason: 'REASON_INVALID_OFFERS' });
  });

  test('a kill of a task that the agent never got is answered when the agent is back', () => {
    const { scheduler, agent } = running();
    agent.disconnect();
    scheduler.call({ type: 'KILL', kill: { taskId: { value: 't' } } });
    agent.subscribe({ tasks: [] });
    expect(scheduler.updates.at(-1)).toMatch(/^t TASK_(GONE|DROPPED)$/);
  });

  test('an update that was acknowledged twice, or for another, changes nothing', () => {
    const { scheduler, agent } = running();
    const status = scheduler.lastStatus!;
    const again = { agentId: status.agentId!, taskId: status.taskId, uuid: status.uuid! };
    scheduler.call({ type: 'ACKNOWLEDGE', acknowledge: again });
    scheduler.call({ type: 'ACKNOWLEDGE', acknowledge: { ...again, uuid: 'other' } });
    expect(answersTo(scheduler, ask('t'))).toEqual(['t TASK_RUNNING']);
    expect(agent.of('acknowledge').length).toBeGreaterThan(0);
  });
});
