import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { ScriptedServer, answer, stream, type Script } from '../testing/scripted-server.js';
import { connectExecutor, executorOptions, type ExecutorClient } from './executor-client.js';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const release of cleanUp.splice(0).reverse()) await release();
});

async function start(script: Script, recoveryTimeoutMs: number): Promise<[ScriptedServer, ExecutorClient]> {
  const server = await ScriptedServer.start(script);
  const client = connectExecutor({
    urls: [server.url],
    frameworkId: { value: 'f' },
    executorId: { value: 'e' },
    recoveryTimeoutMs,
    backoff: { initialMs: 1, maxMs: 5 },
  });
  cleanUp.push(
    () => server.stop(),
    () => client.close(),
  );
  return [server, client];
}

const SUBSCRIBED = {
  type: 'SUBSCRIBED',
  subscribed: {
    executor_info: { executor_id: { value: 'e' } },
    framework_info: { user: 'u', name: 'n' },
    agent_info: { hostname: 'h' },
  },
};
const LAUNCH = { type: 'LAUNCH', launch: { task: { name: 't', task_id: { value: 't' }, agent_id: { value: 's' } } } };
const RUNNING = { taskId: { value: 't' }, state: 'TASK_RUNNING' } as const;

test('what was not acknowledged is sent again upon resubscription', async () => {
  let break1 = (): void => {};
  const [server, client] = await start(({ call }, response, index) => {
    if (call['type'] !== 'SUBSCRIBE') return answer(response, 202);
    stream(response, SUBSCRIBED);
    if (index === 0) stream(response, LAUNCH);
    break1 = () => response.destroy();
  }, 5_000);
  let subscriptions = 0;
  for await (const event of client) {
    if (event.type === 'LAUNCH') {
      await client.update(RUNNING);
      break1();
    }
    if (event.type === 'SUBSCRIBED' && ++subscriptions === 2) break;
  }
  const [update] = server.calls('UPDATE');
  expect(update!.call).toMatchObject({
    executor_id: { value: 'e' },
    framework_id: { value: 'f' },
    update: { status: { state: 'TASK_RUNNING', source: 'SOURCE_EXECUTOR', uuid: expect.any(String) as string } },
  });
  expect(server.calls('SUBSCRIBE')[1]!.call['subscribe']).toEqual({
    unacknowledged_tasks: [LAUNCH.launch.task],
    unacknowledged_updates: [update!.call['update']],
  });
});

test('what was acknowledged is forgotten', async () => {
  let events: ServerResponse | undefined;
  const [server, client] = await start(({ call }, response, index) => {
    if (call['type'] === 'SUBSCRIBE') {
      events = response;
      return stream(response, SUBSCRIBED, ...(index === 0 ? [LAUNCH] : []));
    }
    answer(response, 202);
    const { uuid } = (call['update'] as { status: { uuid: string } }).status;
    stream(events!, { type: 'ACKNOWLEDGED', acknowledged: { task_id: { value: 't' }, uuid } });
    events!.end();
  }, 5_000);
  let subscriptions = 0;
  for await (const event of client) {
    if (event.type === 'LAUNCH') await client.update(RUNNING);
    if (event.type === 'SUBSCRIBED' && ++subscriptions === 2) break;
  }
  expect(server.calls('SUBSCRIBE')[1]!.call['subscribe']).toEqual({});
});

test('without recovery a broken stream is the end', async () => {
  const [server, client] = await start((_, response) => {
    stream(response, SUBSCRIBED);
    response.end();
  }, 0);
  const reading = (async () => {
    for await (const _ of client);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'SUBSCRIPTION_LOST' });
  expect(server.received).toHaveLength(1);
});

test('the options come from the environment that agents give', () => {
  expect(
    executorOptions({
      MESOS_AGENT_ENDPOINT: '10.0.0.1:5051',
      MESOS_FRAMEWORK_ID: 'f',
      MESOS_EXECUTOR_ID: 'e',
      MESOS_CHECKPOINT: '1',
      MESOS_RECOVERY_TIMEOUT: '2mins',
      MESOS_SUBSCRIPTION_BACKOFF_MAX: '500ms',
      MESOS_EXECUTOR_AUTHENTICATION_TOKEN: 'jwt',
    }),
  ).toEqual({
    urls: ['http://10.0.0.1:5051'],
    frameworkId: { value: 'f' },
    executorId: { value: 'e' },
    recoveryTimeoutMs: 120_000,
    backoff: { maxMs: 500 },
    headers: { authorization: 'Bearer jwt' },
  });
  expect(() => executorOptions({})).toThrow(expect.objectContaining({ code: 'NOT_AN_EXECUTOR' }) as Error);
});
