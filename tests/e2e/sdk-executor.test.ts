import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Framework, connectScheduler, type SchedulerClientFactory } from '@mezzo/sdk/framework';
import { MemoryPluginStore } from '@mezzo/sdk/testing';
import { AgentCluster } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const executor = { command: { value: `${process.execPath} ${join(root, 'tests/support/upper-executor.mjs')}` } };
const resources = { cpus: 0.1, mem: 128 };
const base64 = (text: string): string => Buffer.from(text).toString('base64');

let cluster: AgentCluster;
let framework: Framework;

beforeEach(async () => {
  cluster = await AgentCluster.start();
  const { url } = cluster.master;
  const scheduler: SchedulerClientFactory = { connect: (options) => connectScheduler({ ...options, urls: [url] }) };
  framework = await Framework.start({ name: 'test', user: 'root', store: new MemoryPluginStore(), scheduler });
});
afterEach(async () => {
  await framework.close();
  await cluster.destroy();
});

test('an executor of the SDK tells the result of its task and ends with it', async () => {
  const { finished } = framework.run({ key: 'a', task: { executor, resources, data: base64('hello') } });
  expect(await finished).toMatchObject({ succeeded: true, data: base64('HELLO') });
  await until('the executor has ended', () => cluster.agent!.state.runs.size === 0);
});

test('it comes back to a restarted agent, and its task is killed with grace', async () => {
  const { finished } = framework.run({ key: 'b', task: { executor, resources } });
  await until('it runs', () => framework.get('b')?.record.launch?.state === 'TASK_RUNNING');
  await cluster.stopAgent();
  await cluster.startAgent();
  await framework.stop('b');
  expect(await finished).toMatchObject({ stopped: true, state: 'TASK_KILLED' });
  await until('the executor has ended', () => cluster.agent!.state.runs.size === 0);
});
