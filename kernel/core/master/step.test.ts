import { expect, test } from 'vitest';
import { MasterHarness, task } from '../../../tests/support/master-harness.js';

test('a task goes from offer to acknowledgement', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  expect(scheduler.types).toEqual(['SUBSCRIBED', 'HEARTBEAT']);
  const agent = master.agent();
  expect(agent.of('registered')[0]).toMatchObject({ agentId: 'm-S0', masterId: 'm', pingIntervalMs: 15_000, seq: 1 });
  const [offer] = scheduler.offers;
  expect(offer).toMatchObject({ id: { value: 'm-O0' }, agentId: { value: 'm-S0' }, allocationInfo: { role: 'web' } });
  expect(scheduler.launch([offer!], task('t1', offer!))).toMatchObject({ status: 202 });
  expect(agent.of('runTask')[0]).toMatchObject({
    framework: { id: { value: 'm-0000' } },
    task: { taskId: { value: 't1' }, resources: [{ name: 'cpus', allocationInfo: { role: 'web' } }, { name: 'mem' }] },
  });
  const uuid = agent.update(scheduler.id, 't1', 'TASK_RUNNING');
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_RUNNING', uuid, agentId: { value: 'm-S0' } });
  scheduler.acknowledge();
  expect(agent.of('acknowledge')[0]).toMatchObject({ frameworkId: 'm-0000', taskId: 't1', uuid });
  agent.update(scheduler.id, 't1', 'TASK_FINISHED');
  scheduler.acknowledge();
  expect(master.state.frameworks.get(scheduler.id as never)!.tasks.size).toBe(0);
  expect([...master.state.frameworks.get(scheduler.id as never)!.completedTasks.keys()]).toEqual(['t1']);
});

test('what a task freed is offered again in the same step, acknowledged or not', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent('cpus:1;mem:128');
  scheduler.launch(scheduler.offers, task('t1', scheduler.offers[0]!));
  const before = scheduler.offers.length;
  agent.update(scheduler.id, 't1', 'TASK_FINISHED');
  expect(scheduler.offers.slice(before)).toHaveLength(1);
});

test('what is durable is written before anybody is told of it', () => {
  const master = new MasterHarness();
  master.scheduler();
  master.agent();
  const at = (match: (type: string, op?: string) => boolean) =>
    master.effects.findIndex((e) => match(e.type, e.type === 'persist' ? e.writes[0]!.op : undefined));
  expect(at((_, op) => op === 'putFramework')).toBeLessThan(at((type) => type === 'sendScheduler'));
  expect(at((_, op) => op === 'putAgent')).toBeLessThan(at((type) => type === 'sendAgent'));
});
