import { afterEach, expect, test } from 'vitest';
import type { SchedulerEvent } from '../api/messages.js';
import { until } from '../../tests/support/poll.js';
import { ScriptedServer, answer, stream, type Script } from '../testing/scripted-server.js';
import { connectScheduler, type SchedulerClient, type SchedulerOptions } from './scheduler-client.js';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const release of cleanUp.splice(0).reverse()) await release();
});

const serve = async (script: Script): Promise<ScriptedServer> => {
  const server = await ScriptedServer.start(script);
  cleanUp.push(() => server.stop());
  return server;
};

const connect = (urls: string[], more: Partial<SchedulerOptions> = {}): SchedulerClient => {
  const framework = { user: 'root', name: 'test' };
  const client = connectScheduler({ urls, framework, backoff: { initialMs: 1, maxMs: 5 }, ...more });
  cleanUp.push(() => client.close());
  return client;
};

const SUBSCRIBED = (id = 'm-0000', heartbeat = 15) => ({
  type: 'SUBSCRIBED',
  subscribed: { framework_id: { value: id }, heartbeat_interval_seconds: heartbeat },
});
const RESCIND = { type: 'RESCIND', rescind: { offer_id: { value: 'o' } } };

async function take(client: AsyncIterable<SchedulerEvent>, count: number): Promise<(string | undefined)[]> {
  const types: (string | undefined)[] = [];
  for await (const event of client) if (types.push(event.type) === count) break;
  return types;
}

test('events arrive in order, without heartbeats', async () => {
  const server = await serve((_, response) => stream(response, SUBSCRIBED(), { type: 'HEARTBEAT' }, RESCIND));
  const client = connect([server.url], { suppressedRoles: ['b'] });
  expect(await take(client, 2)).toEqual(['SUBSCRIBED', 'RESCIND']);
  expect(client.frameworkId).toEqual({ value: 'm-0000' });
  expect(server.received[0]).toMatchObject({
    path: '/api/v1/scheduler',
    call: { type: 'SUBSCRIBE', subscribe: { framework_info: { user: 'root', name: 'test' }, suppressed_roles: ['b'] } },
  });
});

test('calls carry the framework id and the stream id, in the order in which they were made', async () => {
  const server = await serve(({ call }, response) =>
    call['type'] === 'SUBSCRIBE' ? stream(response, SUBSCRIBED()) : answer(response, 202),
  );
  const client = connect([server.url]);
  for await (const _ of client) {
    await Promise.all([
      client.call('ACCEPT', { offerIds: [{ value: 'o1' }], filters: { refuseSeconds: 1 } }),
      client.call('SUPPRESS'),
      client.call('REVIVE', { roles: ['a'] }),
      client.acknowledge({ taskId: { value: 't' }, agentId: { value: 's' }, state: 'TASK_RUNNING', uuid: 'AAAA' }),
      client.acknowledge({ taskId: { value: 't' }, state: 'TASK_LOST' }),
    ]);
    break;
  }
  const [, ...calls] = server.received;
  expect(calls.map(({ call }) => call['type'])).toEqual(['ACCEPT', 'SUPPRESS', 'REVIVE', 'ACKNOWLEDGE']);
  expect(calls[0]).toMatchObject({
    headers: { 'mesos-stream-id': 'stream-1', 'content-type': 'application/json' },
    call: {
      framework_id: { value: 'm-0000' },
      accept: { offer_ids: [{ value: 'o1' }], filters: { refuse_seconds: 1 } },
    },
  });
  expect(calls[3]!.call['acknowledge']).toEqual({ agent_id: { value: 's' }, task_id: { value: 't' }, uuid: 'AAAA' });
});

test('a redirect leads to the leader, and calls go there', async () => {
  const leader = await serve(({ call }, response) =>
    call['type'] === 'SUBSCRIBE' ? stream(response, SUBSCRIBED()) : answer(response, 202),
  );
  const location = leader.url.replace('http:', '') + '/api/v1/scheduler';
  const standby = await serve((_, response) => answer(response, 307, '', { location }));
  const client = connect([standby.url]);
  for await (const _ of client) {
    await client.call('TEARDOWN');
    break;
  }
  expect(leader.calls('TEARDOWN')).toHaveLength(1);
  expect(standby.received).toHaveLength(1);
});

test('it tries again while there is no leader, and masters in turn', async () => {
  const gone = await ScriptedServer.start(() => {});
  const goneUrl = gone.url;
  await gone.stop();
  const server = await serve((_, response, index) =>
    index < 2 ? answer(response, 503, 'No leader elected') : stream(response, SUBSCRIBED()),
  );
  const client = connect([goneUrl, server.url]);
  expect(await take(client, 1)).toEqual(['SUBSCRIBED']);
  expect(server.received).toHaveLength(3);
});

test('a broken stream is resumed under the same framework id', async () => {
  const server = await serve((_, response, index) => {
    stream(response, SUBSCRIBED());
    if (index === 0) setTimeout(() => response.destroy(), 5);
  });
  const seen: boolean[] = [];
  const client = connect([server.url], { onConnection: (connected) => seen.push(connected) });
  expect(await take(client, 2)).toEqual(['SUBSCRIBED', 'SUBSCRIBED']);
  expect(seen).toEqual([true, false, true, false]);
  expect(server.received[1]!.call).toMatchObject({
    framework_id: { value: 'm-0000' },
    subscribe: { framework_info: { id: { value: 'm-0000' } } },
  });
});

test('five missed heartbeats mean that the master is gone', async () => {
  const server = await serve((_, response) => stream(response, SUBSCRIBED('m-0000', 0.01)));
  expect(await take(connect([server.url]), 2)).toEqual(['SUBSCRIBED', 'SUBSCRIBED']);
});

test('an ERROR event is shown and ends it', async () => {
  const server = await serve((_, response) => {
    stream(response, { type: 'ERROR', error: { message: 'Framework failed over' } });
    response.end();
  });
  const types: unknown[] = [];
  const reading = (async () => {
    for await (const event of connect([server.url])) types.push(event.type);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'SCHEDULER_REJECTED', message: 'Framework failed over' });
  expect(types).toEqual(['ERROR']);
  expect(server.received).toHaveLength(1);
});

test('a 4xx answer to the subscription ends it', async () => {
  const server = await serve((_, response) => answer(response, 401, 'who are you?'));
  await expect(take(connect([server.url]), 1)).rejects.toMatchObject({
    code: 'SUBSCRIBE_REFUSED',
    details: { status: 401, text: 'who are you?' },
  });
});

test('failed calls say who can mend it', async () => {
  const server = await serve(({ call }, response) => {
    if (call['type'] === 'SUBSCRIBE') return stream(response, SUBSCRIBED());
    if (call['type'] === 'KILL') return void response.destroy();
    answer(response, call['type'] === 'REVIVE' ? 503 : 400, 'no');
  });
  const client = connect([server.url]);
  await expect(client.call('REVIVE')).rejects.toMatchObject({ code: 'NOT_SUBSCRIBED', retryable: true });
  for await (const _ of client) {
    await expect(client.call('REVIVE')).rejects.toMatchObject({ code: 'CALL_FAILED', retryable: true });
    await expect(client.call('SUPPRESS')).rejects.toMatchObject({ code: 'CALL_REFUSED', details: { status: 400 } });
    await expect(client.call('KILL', { taskId: { value: 't' } })).rejects.toMatchObject({ code: 'CALL_FAILED' });
    break;
  }
});

test('close ends the iteration, also of a silent stream', async () => {
  const server = await serve((_, response) => stream(response, SUBSCRIBED()));
  const client = connect([server.url]);
  const types: unknown[] = [];
  for await (const event of client) {
    types.push(event.type);
    setTimeout(() => void client.close(), 5);
  }
  expect(types).toEqual(['SUBSCRIBED']);
  expect(client.connected).toBe(false);
});

test('patience grows once all masters have been asked, not with each', async () => {
  const asked: number[] = [];
  const refusing = (name: number): Promise<ScriptedServer> =>
    serve((_, response) => {
      asked.push(name);
      answer(response, 503);
    });
  const servers = [await refusing(0), await refusing(1), await refusing(2)];
  const client = connect(
    servers.map(({ url }) => url),
    { backoff: { initialMs: 1, maxMs: 1_000_000, random: () => 0.99 } },
  );
  const reading = (async () => {
    for await (const _ of client);
  })();
  // Doubled at each refusal, twenty of them would take 17 minutes.
  await until('twenty refusals', () => asked.length >= 20);
  await client.close();
  await reading.catch(() => undefined);
});
