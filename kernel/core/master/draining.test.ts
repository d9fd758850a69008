import type { MasterCallDrainAgent } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { agentTask, MasterHarness, task, TestAgent } from '../../../tests/support/master-harness.js';
import { agentView } from './views.js';

const agentId = { value: 'm-S0' };
const deactivate = (master: MasterHarness) =>
  master.operator({ type: 'DEACTIVATE_AGENT', deactivateAgent: { agentId } });
const reactivate = (master: MasterHarness) =>
  master.operator({ type: 'REACTIVATE_AGENT', reactivateAgent: { agentId } });
const drain = (master: MasterHarness, more: Partial<MasterCallDrainAgent> = {}) =>
  master.operator({ type: 'DRAIN_AGENT', drainAgent: { agentId, ...more } });
const view = (master: MasterHarness) => agentView(master.state, master.state.agents.get('m-S0' as never)!);

function running() {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  agent.update(scheduler.id, 't', 'TASK_RUNNING');
  scheduler.acknowledge();
  const ends = () => {
    agent.update(scheduler.id, 't', 'TASK_KILLED');
    scheduler.acknowledge();
    master.pass(0);
  };
  return { master, scheduler, agent, ends };
}

test('a deactivated agent is offered to nobody, keeps its tasks, and is offered again when it is reactivated', () => {
  const { master, scheduler } = running();
  scheduler.call({ type: 'REVIVE' });
  expect(master.state.offers.size).toBe(1);
  expect(deactivate(master).status).toBe(200);
  expect(master.state.offers.size).toBe(0);
  expect(scheduler.types.at(-1)).toBe('RESCIND');
  expect(view(master)).toMatchObject({ active: false, deactivated: true });
  expect(scheduler.updates.at(-1)).toBe('t TASK_RUNNING');
  expect(reactivate(master).status).toBe(200);
  expect(master.state.offers.size).toBe(1);
  expect(reactivate(master)).toMatchObject({ status: 400, text: 'Agent is not deactivated' });
});

test('a drained agent ends its tasks within the bound, and is done when the last end is acknowledged', () => {
  const { master, agent, ends } = running();
  expect(drain(master, { maxGracePeriod: { seconds: 2 } }).status).toBe(200);
  const config = { maxGracePeriod: { nanoseconds: 2_000_000_000n }, markGone: false };
  expect(agent.of('drain')).toMatchObject([{ config }]);
  expect(view(master)).toMatchObject({ deactivated: true, drainInfo: { state: 'DRAINING', config } });
  expect(reactivate(master)).toMatchObject({ status: 400, text: expect.stringMatching(/still/) });
  ends();
  expect(view(master)).toMatchObject({ drainInfo: { state: 'DRAINED' } });
  expect(master.registry.get('m-S0')).toMatchObject({ deactivated: true, drain: { state: 'DRAINED' } });
  expect(reactivate(master).status).toBe(200);
  expect(view(master)).not.toHaveProperty('drainInfo');
  expect(agent.of('reactivated')).toHaveLength(1);
});

test('an agent without tasks is drained at once', () => {
  const master = new MasterHarness();
  master.agent();
  drain(master);
  master.pass(0);
  expect(view(master)).toMatchObject({ drainInfo: { state: 'DRAINED' } });
});

test('an agent that was to be marked gone is gone once it is drained', () => {
  const { master, agent, ends } = running();
  drain(master, { markGone: true });
  ends();
  expect(agent.of('refused')).toHaveLength(1);
  expect(master.state.goneAgents.has('m-S0' as never)).toBe(true);
});

test('the next master goes on draining, and an agent that was away learns of it when it is back', () => {
  const { master, scheduler, agent } = running();
  agent.disconnect();
  drain(master);
  const before = master.effects.flatMap((effect) => (effect.type === 'persist' ? effect.writes : []));
  const next = new MasterHarness({}, before);
  expect(deactivate(next).status).toBe(200);
  const told = agentTask(scheduler.id, task('t', { agentId }));
  const back = new TestAgent(next, 'cpus:4;mem:4096', {
    agentInfo: { hostname: 'host', port: 5051, id: agentId },
    tasks: [told],
    frameworks: [master.state.frameworks.get(scheduler.id as never)!.info],
  });
  expect(back.of('registered')).toMatchObject([{ drain: { config: { markGone: false } } }]);
  expect(view(next)).toMatchObject({ active: false, drainInfo: { state: 'DRAINING' } });
  back.update(scheduler.id, 't', 'TASK_KILLED');
  expect(view(next)).toMatchObject({ drainInfo: { state: 'DRAINING' } });
});

test('what is not known or not possible is refused', () => {
  const master = new MasterHarness();
  expect(drain(master)).toMatchObject({ status: 400, text: 'Unknown agent' });
  expect(deactivate(master)).toMatchObject({ status: 400, text: 'Unknown agent' });
  expect(reactivate(master)).toMatchObject({ status: 400, text: 'Unknown agent' });
  master.agent();
  expect(drain(master, { maxGracePeriod: { seconds: -1 } })).toMatchObject({
    status: 400,
    text: expect.stringMatching(/max_grace_period/),
  });
  expect(view(master).deactivated).toBe(false);
});
