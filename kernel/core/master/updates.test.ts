import { asId, type FrameworkId } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import { MasterHarness, task } from '../../../tests/support/master-harness.js';

function running() {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  const framework = master.state.frameworks.get(asId<FrameworkId>(scheduler.id))!;
  return { master, scheduler, agent, framework };
}

test('an update that is sent again is forwarded again and recorded once', () => {
  const { scheduler, agent, framework } = running();
  const status = { taskId: { value: 't' }, state: 'TASK_RUNNING', uuid: 'same' } as const;
  const call = { type: 'statusUpdate', frameworkId: scheduler.id, status, latestState: 'TASK_RUNNING' } as const;
  agent.call(call);
  agent.call(call);
  expect(scheduler.updates).toEqual(['t TASK_RUNNING', 't TASK_RUNNING']);
  expect([...framework.tasks.values()][0]!.message.statuses).toHaveLength(1);
});

test('the task follows the latest state, the framework the update under way', () => {
  const { scheduler, agent, framework } = running();
  agent.update(scheduler.id, 't', 'TASK_RUNNING', 'TASK_FINISHED');
  const known = framework.tasks.get(asId('t'))!;
  expect(known.message).toMatchObject({ state: 'TASK_FINISHED', statusUpdateState: 'TASK_RUNNING' });
  expect(known.holds).toBe(false);
  scheduler.acknowledge();
  expect(framework.tasks.size).toBe(1);
  agent.update(scheduler.id, 't', 'TASK_FINISHED');
  scheduler.acknowledge();
  expect(framework.tasks.size).toBe(0);
});

test('an acknowledgement goes to the agent, also for tasks that nobody remembers', () => {
  const { scheduler, agent } = running();
  const acknowledge = { agentId: { value: 'm-S0' }, taskId: { value: 'who' }, uuid: 'u' };
  expect(scheduler.call({ type: 'ACKNOWLEDGE', acknowledge })).toMatchObject({ status: 202 });
  expect(agent.of('acknowledge')[0]).toMatchObject({ taskId: 'who', uuid: 'u' });
});

test('an acknowledgement that cannot reach the agent ends nothing', () => {
  const { scheduler, agent, framework } = running();
  agent.update(scheduler.id, 't', 'TASK_FINISHED');
  agent.disconnect();
  scheduler.acknowledge();
  expect(framework.tasks.size).toBe(1);
});

test('an update for a framework that is gone is answered with its shutdown', () => {
  const { scheduler, agent } = running();
  scheduler.call({ type: 'TEARDOWN' });
  agent.update('m-0000', 't', 'TASK_FAILED');
  expect(agent.of('shutdownFramework')).toHaveLength(2);
});

test('messages go both ways', () => {
  const { scheduler, agent } = running();
  const message = { agentId: { value: 'm-S0' }, executorId: { value: 'e' }, data: 'aGk=' };
  scheduler.call({ type: 'MESSAGE', message });
  expect(agent.of('message')[0]).toMatchObject({ frameworkId: scheduler.id, executorId: 'e', data: 'aGk=' });
  agent.call({ type: 'message', frameworkId: scheduler.id, executorId: 'e', data: 'eW8=' });
  expect(scheduler.events.at(-1)).toMatchObject({
    type: 'MESSAGE',
    message: { executorId: { value: 'e' }, data: 'eW8=' },
  });
});

test('a kill goes to the agent; of an unknown task it is a question, with the wrong agent nothing', () => {
  const { scheduler, agent } = running();
  const kill = (taskId: string, agentId?: string) =>
    scheduler.call({
      type: 'KILL',
      kill: { taskId: { value: taskId }, ...(agentId && { agentId: { value: agentId } }) },
    });
  kill('t', 'other');
  expect(agent.of('killTask')).toEqual([]);
  kill('t');
  expect(agent.of('killTask')).toHaveLength(1);
  kill('who', 'm-S0');
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_GONE', reason: 'REASON_RECONCILIATION' });
});

test('completed tasks are remembered up to their bound', () => {
  const { master, scheduler, agent, framework } = running();
  agent.update(scheduler.id, 't', 'TASK_FINISHED');
  scheduler.acknowledge();
  for (const id of ['a', 'b', 'c']) {
    master.pass(200, [agent]);
    scheduler.launch([scheduler.offers.at(-1)!], task(id, scheduler.offers.at(-1)!));
    agent.update(scheduler.id, id, 'TASK_FAILED');
    scheduler.acknowledge();
  }
  expect([...framework.completedTasks.keys()]).toEqual(['a', 'b', 'c']);
});

const asked = (tasks: [string, string?][]) => ({
  type: 'RECONCILE' as const,
  reconcile: {
    tasks: tasks.map(([t, a]) => ({ taskId: { value: t }, ...(a !== undefined && { agentId: { value: a } }) })),
  },
});

test('reconciliation answers what is known, gone and unknown, without uuid', () => {
  const { scheduler, agent } = running();
  agent.update(scheduler.id, 't', 'TASK_RUNNING', 'TASK_FINISHED');
  scheduler.call(asked([['t', 'm-S0'], ['nope', 'm-S0'], ['nope', 'no-agent'], ['nope']]));
  expect(scheduler.updates.slice(-4)).toEqual([
    't TASK_RUNNING',
    'nope TASK_GONE',
    'nope TASK_UNKNOWN',
    'nope TASK_UNKNOWN',
  ]);
  expect(scheduler.lastStatus).toMatchObject({ source: 'SOURCE_MASTER', reason: 'REASON_RECONCILIATION' });
  expect(scheduler.lastStatus!.uuid).toBeUndefined();
});

test('reconciliation knows what became unreachable, and what was marked gone', () => {
  const { master, scheduler } = running();
  master.pass(100_000);
  scheduler.call(asked([['t', 'm-S0'], ['t']]));
  expect(scheduler.updates.slice(-2)).toEqual(['t TASK_UNREACHABLE', 't TASK_UNREACHABLE']);
  const call = { type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'm-S0' } } } as const;
  master.dispatch({ type: 'operatorCalled', request: master.request(), call });
  scheduler.call(asked([['t', 'm-S0']]));
  expect(scheduler.updates.at(-1)).toBe('t TASK_GONE_BY_OPERATOR');
});
