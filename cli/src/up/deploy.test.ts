import { expect, test } from 'vitest';
import type { Cluster } from '../lib/cluster.js';
import { type App, whyStuck } from './deploy.js';

const app: App = { id: '/a', instances: 3, tasksRunning: 1, tasksHealthy: 0, tasksUnhealthy: 0, tasksStaged: 0 };

const clusterWith = (answers: Record<string, object>) =>
  ({ json: (path: string) => Promise.resolve(answers[path]) }) as unknown as Cluster;

test('an app whose instances are on agents that are awaited says so', async () => {
  const queue = { '/service/marathon/v2/queue': { queue: [] } };
  const awaited = clusterWith({ ...queue, '/mesos/slaves': { recovered_slaves: [{}, {}] } });
  expect(await whyStuck(awaited, app)).toMatch(/^2 agent\(s\) are not back since the master changed/);
  expect(await whyStuck(clusterWith({ ...queue, '/mesos/slaves': { recovered_slaves: [] } }), app)).toBeUndefined();
  expect(await whyStuck(awaited, { ...app, tasksRunning: 3 })).toBeUndefined();
});
