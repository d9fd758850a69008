import { afterEach, beforeEach, expect, test } from 'vitest';
import { Framework, connectScheduler, type FrameworkOptions } from '@mezzo/sdk/framework';
import { MemoryPluginStore } from '@mezzo/sdk/testing';
import { AgentCluster } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';

/** The framework of the SDK on a real master, a real agent and real containers. */

let cluster: AgentCluster;
let store: MemoryPluginStore;
let framework: Framework;

async function start(some: Partial<FrameworkOptions> = {}): Promise<Framework> {
  framework = await Framework.start({
    name: 'test',
    user: 'root',
    roles: ['web'],
    store,
    scheduler: {
      connect: (options) =>
        connectScheduler({ ...options, urls: [cluster.master.url], backoff: { initialMs: 20, maxMs: 200 } }),
    },
    ...some,
  });
  return framework;
}

beforeEach(async () => {
  cluster = await AgentCluster.start();
  store = new MemoryPluginStore();
  await start();
});
afterEach(async () => {
  await framework.close();
  await cluster.destroy();
});

const small = { cpus: 0.1, mem: 32 };
const stateOf = (key: string) => framework.get(key)?.record.launch?.state;
const runs = (key: string) => until(`${key} runs`, () => stateOf(key) === 'TASK_RUNNING');

test('a map over commands, one of which fails the first time, ends with every result', async () => {
  const flaky = `${cluster.home}/flaky`;
  const outcomes = await Promise.all(
    [1, 2, 3, 4, 5].map((input) => {
      const command = input === 3 ? `test -e ${flaky} || { touch ${flaky}; exit 1; }` : `test ${input} -gt 0`;
      const task = { command, resources: { ...small, ports: 1 } };
      return framework.run({ key: `t${input}`, task, retry: { times: 2, backoffMs: 10 } }).finished;
    }),
  );
  expect(outcomes.map(({ succeeded, attempt }) => [succeeded, attempt])).toEqual(
    [1, 1, 2, 1, 1].map((attempt) => [true, attempt]),
  );
});

test('a task runs on while agent, master and framework come and go, and is found again', async () => {
  framework.run({ key: 'stays', task: { command: 'sleep 1000', resources: small } });
  await runs('stays');
  await cluster.stopAgent();
  await cluster.startAgent();
  await cluster.master.close();
  await cluster.startMaster();
  await framework.close();
  const before = framework.frameworkId;
  await start();
  await until('the agent is back', () => cluster.agent!.state.link.phase === 'registered');
  expect(framework.get('stays')?.record).toMatchObject({ attempt: 1, launch: { state: 'TASK_RUNNING' } });
  const { finished } = framework.get('stays') ?? {};
  await framework.stop('stays');
  expect(await finished).toMatchObject({ stopped: true, state: 'TASK_KILLED', attempt: 1 });
  expect(framework.frameworkId).toBe(before);
});

test('a removed framework begins anew with what is wanted', async () => {
  await framework.close();
  await start({ whenRemoved: 'startAnew' });
  framework.run({ key: 'a', task: { command: 'sleep 1000', resources: small } });
  await runs('a');
  const before = framework.frameworkId;
  const body = `frameworkId=${before}`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(`${cluster.master.url}/teardown`, { method: 'POST', headers, body });
  expect(answer.status).toBe(200);
  await until('it is another', () => framework.frameworkId !== before && framework.frameworkId);
  await until('it runs again', () => framework.get('a')?.record.attempt === 2 && stateOf('a') === 'TASK_RUNNING');
  await framework.teardown();
  expect(store.entries.size).toBe(0);
});
