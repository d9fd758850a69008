import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Resource } from '@mezzo/sdk/api';
import { until } from '../support/poll.js';
import { AgentCluster, type TestScheduler } from '../support/agent-cluster.js';

/** Revocable resources of a real agent, from the estimator to the end of a real container. */
let cluster: AgentCluster | undefined;
afterEach(() => cluster?.destroy());

const fixed = { name: 'org_apache_mesos_FixedResourceEstimator', parameters: [{ key: 'resources', value: 'cpus:3' }] };
const load = { name: 'org_apache_mesos_LoadQoSController', parameters: [{ key: 'load_threshold_5min', value: '0' }] };
const args = (...modules: object[]) => [
  `--modules=${JSON.stringify({ libraries: [{ file: '/libfixed.so', modules }] })}`,
  '--resource_estimator=org_apache_mesos_FixedResourceEstimator',
  '--oversubscribed_resources_interval=1secs',
];
const resources: Resource[] = [{ name: 'cpus', type: 'SCALAR', scalar: { value: 3 }, revocable: {} }];
const capabilities = [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }, { type: 'REVOCABLE_RESOURCES' }] as const;

const metricsOf = async (url: string): Promise<unknown> => (await fetch(`${url}/metrics/snapshot`)).json();

/** Keeps what may not be taken away out of the way. */
async function start(...more: string[]): Promise<TestScheduler> {
  cluster = await AgentCluster.start([...args(fixed, load), ...more]);
  const plain = cluster.scheduler({ roles: ['plain'] });
  await plain.run('firm', 'sleep 1000', {
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 2 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 512 } },
    ],
  });
  await plain.reaches('firm', 'TASK_RUNNING');
  const scheduler = cluster.scheduler({ capabilities: [...capabilities] });
  await scheduler.run('spare', 'sleep 1000', { resources });
  return scheduler;
}

test('a task on revocable cpus runs, with hardly a share while others want them, and is shown', async () => {
  const scheduler = await start();
  const { executorPid } = (await scheduler.reaches('spare', 'TASK_RUNNING')).containerStatus!;
  // A v1 machine counts 10 shares for such a cpu, where others have 1024.
  const path = /^\d+:(?:\w+,)*cpu(?:,\w+)*:(.*)$/m.exec(readFileSync(`/proc/${executorPid}/cgroup`, 'utf8'))?.[1];
  if (path !== undefined)
    expect(readFileSync(join('/sys/fs/cgroup/cpu', path, 'cpu.shares'), 'utf8').trim()).toBe('30');
  expect(await metricsOf(cluster!.master.url)).toMatchObject({
    ...{ 'master/cpus_revocable_total': 3, 'master/cpus_revocable_used': 3 },
  });
});

test('the controller ends it when the load is too high, and nothing else', async () => {
  const scheduler = await start('--qos_controller=org_apache_mesos_LoadQoSController');
  expect(await scheduler.reaches('spare', 'TASK_GONE')).toMatchObject({ reason: 'REASON_CONTAINER_PREEMPTED' });
  await until('it is over', () => cluster!.agent!.state.runs.size === 1);
  expect([...cluster!.agent!.state.runs.values()].map(({ executorId }) => executorId)).toEqual(['firm']);
  expect(await metricsOf(cluster!.agent!.url)).toMatchObject({ 'slave/executors_preempted': 1, 'slave/tasks_gone': 1 });
});
