import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentCluster } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';

/** Real containers that give way to what another role asks for. */
let cluster: AgentCluster;
beforeEach(async () => {
  cluster = await AgentCluster.start([], ['--preemption']);
});
afterEach(() => cluster.destroy());

test('the agent is full; a role above asks, a task below ends, and what it asked for is offered and runs', async () => {
  const body = JSON.stringify([{ role: 'prod', priority: 10 }]);
  expect((await fetch(`${cluster.master.url}/priorities`, { method: 'PUT', body })).status).toBe(200);
  const web = cluster.scheduler();
  const resources = [
    { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 2 } },
    { name: 'mem', type: 'SCALAR' as const, scalar: { value: 512 } },
  ];
  await web.run('low', 'sleep 1000', { resources });
  await web.reaches('low', 'TASK_RUNNING');
  const prod = cluster.scheduler({ roles: ['prod'] });
  await until('it is subscribed', () => prod.subscriptions > 0);
  await prod.request(resources);
  expect(await web.reaches('low', 'TASK_KILLED')).toMatchObject({
    reason: 'REASON_CONTAINER_PREEMPTED',
    message: "Gives way to role 'prod'",
  });
  await prod.run('high', 'sleep 1000', { resources });
  await prod.reaches('high', 'TASK_RUNNING');
});
