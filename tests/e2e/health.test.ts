import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.up();
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
}, 60_000);

interface App {
  tasksRunning: number;
  tasksHealthy: number;
  tasks: { id: string }[];
  lastTaskFailure?: { message: string };
}
const show = (id: string) => cluster.json<App>('app', 'show', id);
const fast = {
  delaySeconds: 0,
  gracePeriodSeconds: 5,
  intervalSeconds: 1,
  timeoutSeconds: 2,
  maxConsecutiveFailures: 1,
};

/** Deploys and waits until the instance is healthy. */
async function add(id: string, cmd: string, check: object): Promise<void> {
  const definition = { id, cmd, cpus: 0.01, mem: 32, healthChecks: [{ ...fast, ...check }], backoffSeconds: 0.1 };
  const { code, stdout, stderr } = await cluster.mezzo(['app', 'add', '-'], JSON.stringify(definition));
  expect(code, stdout + stderr).toBe(0);
}

test.each([
  ['COMMAND', 'touch well; exec sleep 3600', { protocol: 'COMMAND', command: { value: 'test -f well' } }],
  [
    'TCP',
    `exec ${process.execPath} -e "require('net').createServer().listen(process.env.PORT0)"`,
    { protocol: 'TCP', portIndex: 0 },
  ],
])('a %s check tells healthy instances', async (protocol, cmd, check) => {
  const id = `/well-${protocol.toLowerCase()}`;
  await add(id, cmd, check);
  expect(await show(id)).toMatchObject({ tasksRunning: 1, tasksHealthy: 1 });
});

test('an instance that falls ill is killed and replaced, and the reason is kept', async () => {
  await add('/sick', 'touch well; sleep 6; rm well; exec sleep 3600', {
    protocol: 'COMMAND',
    command: { value: 'test -f well' },
  });
  const first = (await show('/sick')).tasks[0]!.id;
  const after = await until(
    'a replacement',
    async () => {
      const app = await show('/sick');
      return (
        app.tasks.length > 0 && app.tasks.every(({ id }) => id !== first) && app.lastTaskFailure !== undefined && app
      );
    },
    40_000,
  );
  expect(after.lastTaskFailure!.message).toMatch(/health/i);
});
