import type { Resource } from '@mezzo/sdk/api';
import { beforeEach, expect, test } from 'vitest';
import { AgentWorld, aware, plain, task, types } from '../../../tests/support/agent-world.js';
import { Resources } from '../resources/index.js';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
  world.start();
  world.register();
});

const cpus = (value: number, revocable = true): Resource => ({
  ...{ name: 'cpus', type: 'SCALAR', scalar: { value } },
  ...(revocable && { revocable: {} }),
});
const estimate = (value: number) => world.dispatch({ type: 'estimated', spare: value === 0 ? [] : [cpus(value)] });
const told = () =>
  world.sent.flatMap((call) => (call.type === 'updateResources' ? [String(Resources.of(call.resources))] : []));
const correct = (executorId: string) =>
  world.dispatch({ type: 'corrected', corrections: [{ frameworkId: 'F', executorId }] });
const greedy = (id: string) => task(id, { resources: [cpus(0.5)] });

test('what is estimated comes on top, revocable, with what is in use; the master hears of it when it changes', () => {
  estimate(0);
  expect(told()).toEqual([]);
  estimate(4);
  expect(told()).toEqual(['cpus:2; cpus{REV}:4; mem:1024']);
  world.run(greedy('t'));
  estimate(3.5);
  expect(told()).toHaveLength(1);
  estimate(0);
  expect(told().at(-1)).toBe('cpus:2; cpus{REV}:0.5; mem:1024');
});

test('an estimate that comes while nobody listens is told at the registration, or right after it', () => {
  world.dispatch({ type: 'masterLost', connection: world.state.link.connection, reason: 'why' });
  world.fire('reconnect');
  estimate(4);
  world.register();
  expect(told()).toEqual(['cpus:2; cpus{REV}:4; mem:1024']);
});

test('after a restart no less is told than what is in use', () => {
  estimate(4);
  world.run(greedy('t'));
  world.start([world.containerId]);
  expect(Resources.of(world.state.oversubscribed).scalar('cpus')).toBe(500);
});

test.each([
  [aware, 'TASK_GONE'],
  [plain, 'TASK_LOST'],
] as const)('a correction ends who uses revocable resources, at once, and says why', (framework, state) => {
  world.run(greedy('t'), framework);
  world.acknowledge();
  world.acknowledge();
  expect(correct('t')).toContainEqual(expect.objectContaining({ type: 'killContainer', graceMs: 0 }));
  expect(correct('t')).toEqual([]);
  world.start([world.containerId]);
  expect(types(world.effects)).toContain('killContainer');
  world.register();
  world.exited({ signal: 'SIGKILL' });
  expect(world.updates().at(-1)).toMatchObject({
    ...{ state, reason: 'REASON_CONTAINER_PREEMPTED', source: 'SOURCE_AGENT' },
    message: 'Container preempted by QoS correction',
  });
});

test('others are left alone, whatever the controller says', () => {
  world.run(task('t'));
  expect(correct('t')).toEqual([]);
  expect(correct('nobody')).toEqual([]);
  world.run(greedy('u'));
  const another = { frameworkId: 'F', executorId: 'u', containerId: 'of-a-life-before' };
  expect(world.dispatch({ type: 'corrected', corrections: [another] })).toEqual([]);
  expect(world.state.counters.get('slave/executors_preempted')).toBeUndefined();
});
