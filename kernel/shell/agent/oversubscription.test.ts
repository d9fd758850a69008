import type { Resource } from '@mezzo/sdk/api';
import type { Logger } from '@mezzo/sdk/contract';
import type { ExecutorUsage, ResourceUsage } from '@mezzo/sdk/points/oversubscription';
import { expect, test } from 'vitest';
import type { AgentEvent } from '../../core/agent/events.js';
import { createAgentState } from '../../core/agent/state.js';
import { config } from '../../../tests/support/agent-world.js';
import { until } from '../../../tests/support/poll.js';
import { FixedEstimator, LoadQosController, Oversubscription } from './oversubscription.js';

const cpus = (value: number, revocable = true): Resource => ({
  ...{ name: 'cpus', type: 'SCALAR', scalar: { value } },
  ...(revocable && { revocable: {} }),
});
const executor = (executorId: string, ...allocated: Resource[]): ExecutorUsage => ({
  ...{ frameworkId: 'F', executorId, containerId: `c-${executorId}`, allocated },
});
const usage = (...executors: ExecutorUsage[]): ResourceUsage => ({ executors, total: [] });

test('the fixed estimator has so much in all, whoever uses it', () => {
  const estimator = new FixedEstimator([cpus(4, false)]);
  const left = (...executors: ExecutorUsage[]) =>
    estimator.oversubscribable(usage(...executors)).map(({ scalar }) => scalar?.value);
  expect(left()).toEqual([4]);
  expect(left(executor('a', cpus(1)), executor('b', cpus(2, false)), executor('c', cpus(0.5)))).toEqual([2.5]);
  expect(left(executor('a', cpus(5)))).toEqual([]);
});

test('the load controller ends all who use what is revocable, while the load is above a bound', () => {
  let load = [99, 1, 1];
  const controller = new LoadQosController({ load5: 2, load15: 3 }, () => load);
  const all = usage(executor('a', cpus(1)), executor('b', cpus(1, false)));
  const named = () => controller.corrections(all).map(({ executorId }) => executorId);
  expect(named()).toEqual([]);
  load = [0, 2.1, 0];
  expect(named()).toEqual(['a']);
  load = [0, 0, 3.1];
  expect(named()).toEqual(['a']);
  expect(new LoadQosController({}, () => [9, 9, 9]).corrections(all)).toEqual([]);
});

/** Every call back is due at once. */
function poll() {
  const events: AgentEvent[] = [];
  const warnings: string[] = [];
  const due: (() => void)[] = [];
  const log = { warn: (text: string) => warnings.push(text) } as unknown as Logger;
  const oversubscription = new Oversubscription({
    host: { state: createAgentState(config), dispatch: (event) => events.push(event), containerizer: () => undefined },
    clock: {
      nowMs: () => 0,
      after: (_, callback) => {
        due.push(callback);
        return () => void due.splice(due.indexOf(callback), 1);
      },
    },
    log,
    estimateMs: 20,
    correctMs: 0,
  });
  return { oversubscription, events, warnings, due, next: () => due.splice(0).forEach((callback) => callback()) };
}

test.each<[string, () => Promise<Resource[]> | Resource[], string | undefined]>([
  ['answers', () => [cpus(1)], undefined],
  ['fails', () => Promise.reject(new Error('why')), 'e fails'],
  ['answers nonsense', () => [{ name: 'cpus', type: 'SCALAR' }], 'e fails'],
  [
    'answers what cannot be revocable',
    () => [
      {
        ...cpus(1, false),
        name: 'disk',
        reservations: [{ type: 'STATIC', role: 'a' }],
        disk: { persistence: { id: 'v' } },
      },
    ],
    'e fails',
  ],
  ['never answers', () => new Promise<never>(() => {}), 'e does not answer'],
])('an estimator that %s is asked again', async (_, oversubscribable, words) => {
  const { oversubscription, events, warnings, due, next } = poll();
  oversubscription.estimate({ name: 'e', oversubscribable });
  next();
  await until('it is asked again', () => due.length === 1);
  expect(warnings).toEqual(words === undefined ? [] : [words]);
  expect(events).toHaveLength(words === undefined ? 1 : 0);
  oversubscription.stop();
  expect(due).toEqual([]);
});
