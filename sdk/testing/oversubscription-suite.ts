import assert from 'node:assert/strict';
import type { Resource } from '../api/messages.js';
import type { ExecutorUsage, QosController, ResourceEstimator, ResourceUsage } from '../points/oversubscription.js';
import type { Law } from './containerizer-suite.js';
import { frozen } from './frozen.js';

const LAW_TIMEOUT_MS = 10_000;
/** An agent asks again a second later. */
const ANSWER_MS = 1_000;

const cpus = (value: number, revocable = false): Resource => ({
  ...{ name: 'cpus', type: 'SCALAR' as const, scalar: { value } },
  ...(revocable && { revocable: {} }),
});
const executor = (id: string, more: Partial<ExecutorUsage>): ExecutorUsage => ({
  ...{ frameworkId: 'f', executorId: id, containerId: `c-${id}`, allocated: [] },
  ...more,
});
const statistics = { timestampMs: 1_000, cpusUserTimeSecs: 10, memRssBytes: 2 ** 30, processes: 3 };

/** Nobody, who has nothing, who has only firm resources, and more who use revocable ones than there are. */
const USAGES: readonly ResourceUsage[] = [
  { executors: [], total: [] },
  { executors: [], total: [cpus(4)] },
  { executors: [executor('idle', {}), executor('firm', { allocated: [cpus(1)], statistics })], total: [cpus(4)] },
  {
    executors: Array.from({ length: 100 }, (_, i) => executor(`e${i}`, { allocated: [cpus(1, true)], statistics })),
    total: [cpus(4)],
  },
  {
    executors: [
      executor('new', { allocated: [cpus(0.1, true)] }),
      executor('both', { allocated: [cpus(1), cpus(1, true)] }),
    ],
    total: [cpus(4), { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000n, end: 31_009n }] } }],
  },
];

/** What every resource estimator must hold to. */
export const resourceEstimatorSuite = ({ estimator }: { readonly estimator: ResourceEstimator }): Law[] => [
  named(estimator.name),
  law('it answers in time, whoever uses what, with unreserved scalars of no less than nothing', async () => {
    for (const usage of USAGES)
      for (const { name, type, scalar, reservations, role } of await inTime(() =>
        estimator.oversubscribable(frozen(usage)),
      )) {
        assert.equal(type, 'SCALAR', name);
        assert.ok(
          scalar !== undefined && Number.isFinite(scalar.value) && scalar.value >= 0,
          `${name}: ${scalar?.value}`,
        );
        assert.equal(reservations?.length ?? 0, 0, `${name} is reserved`);
        assert.ok(role === undefined || role === '*', `${name} is of the role ${role}`);
      }
  }),
];

/** What every QoS controller must hold to. */
export const qosControllerSuite = ({ controller }: { readonly controller: QosController }): Law[] => [
  named(controller.name),
  law('it answers in time, and names nobody but those who use revocable resources', async () => {
    for (const usage of USAGES) {
      const may = usage.executors.filter(({ allocated }) => allocated.some(({ revocable }) => revocable !== undefined));
      for (const { frameworkId, executorId, containerId } of await inTime(() =>
        controller.corrections(frozen(usage)),
      )) {
        const one = may.find((each) => each.frameworkId === frameworkId && each.executorId === executorId);
        assert.ok(one, `${executorId} of ${frameworkId} is not to be ended`);
        assert.ok(containerId === undefined || containerId === one.containerId, `${containerId} is another life`);
      }
    }
  }),
];

const law = (title: string, run: () => Promise<void>): Law => ({ title, timeoutMs: LAW_TIMEOUT_MS, run });

const named = (name: string): Law =>
  law('it has a name that can be written in a flag', async () => assert.match(name, /^[\w-]+$/));

async function inTime<T>(ask: () => T | Promise<T>): Promise<T> {
  const startMs = performance.now();
  const answer = await ask();
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < ANSWER_MS, `it took ${tookMs.toFixed(0)} ms`);
  return answer;
}
