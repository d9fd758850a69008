import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentCluster } from '../support/agent-cluster.js';
import { root } from '../tidy/sources.js';

const dir = mkdtempSync(join(tmpdir(), 'mezzo-access-'));
const credentials = join(dir, 'credentials');
const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' };

let cluster: AgentCluster;
beforeAll(async () => {
  writeFileSync(credentials, 'web s3cret\nops s3cret2\nviewer s3cret3\n');
  const onlyOps = (objects: string) => [
    { principals: { values: ['ops'] }, [objects]: { type: 'ANY' } },
    { principals: { type: 'ANY' }, [objects]: { type: 'NONE' } },
  ];
  const acls = {
    ...{ view_flags: onlyOps('flags'), get_endpoints: onlyOps('paths'), view_frameworks: onlyOps('users') },
    ...{ access_sandboxes: onlyOps('users'), access_mesos_logs: onlyOps('logs'), view_containers: onlyOps('users') },
    ...{ kill_nested_containers: onlyOps('users'), launch_nested_containers_as_user: onlyOps('users') },
  };
  const both = ['--authenticate_http_readonly', '--authenticate_http_readwrite'];
  cluster = await AgentCluster.start(
    [
      ...[...both, '--authenticate_http_executors', `--http_credentials=${credentials}`],
      `--acls=${JSON.stringify(acls)}`,
    ],
    [...both, '--authenticate_http_frameworks', `--credentials=file://${credentials}`],
  );
}, 60_000);
afterAll(async () => {
  await cluster.destroy();
  rmSync(dir, { recursive: true });
});

test('a framework with credentials runs a task; one without, or with wrong ones, is refused', async () => {
  const scheduler = cluster.scheduler({}, basic('web:s3cret'));
  await scheduler.run('task', 'env > env; sleep 600');
  await scheduler.reaches('task', 'TASK_RUNNING');
  await scheduler.kill('task');
  await scheduler.reaches('task', 'TASK_KILLED');
  await scheduler.teardown();
  for (const headers of [{}, basic('web:s3cret2')]) {
    const stranger = cluster.scheduler({}, headers);
    await expect(stranger.reading).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED', details: { status: 401 } });
  }
});

test("an agent's doors ask for credentials as well", async () => {
  const { url } = cluster.agent!;
  const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const answer = await fetch(url + path, { headers, method });
    return [answer.status, answer.headers.get('www-authenticate')];
  };
  for (const path of ['/state', '/slave(1)/state', '/containers', '/files/debug', '/metrics', '/flags']) {
    expect(await ask(path), path).toEqual([401, 'Basic realm="mesos-agent-readonly"']);
    expect((await ask(path, basic('ops:s3cret2')))[0], path).toBe(200);
  }
  expect((await ask('/STATE'))[0]).toBe(401);
  expect((await ask('/STATE', basic('ops:s3cret2')))[0]).toBe(404);
  expect(await ask('/api/v1', {}, 'POST')).toEqual([401, 'Basic realm="mesos-agent-readwrite"']);
  expect(await ask('/api/v1/executor', basic('ops:s3cret2'), 'POST')).toEqual([
    401,
    'Bearer realm="mesos-agent-executor"',
  ]);
  expect((await ask('/health'))[0]).toBe(200);
});

test('an executor gets a token, with which it can call for itself alone', async () => {
  const scheduler = cluster.scheduler({}, basic('web:s3cret'));
  const program = join(root, 'tests/support/test-executor.mjs');
  const executor = (id: string) => ({
    type: 'CUSTOM' as const,
    executorId: { value: id },
    command: { value: `env > env; exec ${process.execPath} ${program}` },
    resources: [],
  });
  await scheduler.runIn(executor('one'), 'e1');
  await scheduler.reaches('e1', 'TASK_RUNNING');
  await scheduler.runIn(executor('two'), 'e2');
  const { message = '' } = await scheduler.reaches('e2', 'TASK_RUNNING');
  const env = readFileSync(join(message.replace('in ', ''), 'env'), 'utf8');
  const [, token = ''] = /^MESOS_EXECUTOR_AUTHENTICATION_TOKEN=(.*)$/m.exec(env) ?? [];
  const heartbeat = async (headers: Record<string, string>, eid: string) => {
    const ids = { framework_id: { value: scheduler.frameworkId }, executor_id: { value: eid } };
    const body = JSON.stringify({ type: 'MESSAGE', ...ids, message: { data: 'eA==' } });
    const url = `${cluster.agent!.url}/api/v1/executor`;
    return (await fetch(url, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body })).status;
  };
  const own = { authorization: `Bearer ${token}` };
  expect(await heartbeat(own, 'two')).toBe(202);
  expect(await heartbeat(own, 'one')).toBe(403);
  expect(await heartbeat({}, 'two')).toBe(401);
  const state = await fetch(`${cluster.agent!.url}/state`, { headers: basic('ops:s3cret2') });
  expect(await state.text()).not.toContain(token);
  for (const log of readdirSync(join(cluster.home, 'logs')))
    expect(readFileSync(join(cluster.home, 'logs', log), 'utf8')).not.toContain(token);
  await scheduler.teardown();
});

test('what somebody may not see or do at an agent is left out, or forbidden', async () => {
  const { url, state } = cluster.agent!;
  const scheduler = cluster.scheduler({}, basic('web:s3cret'));
  await scheduler.run('seen', 'echo hello; sleep 600');
  await scheduler.reaches('seen', 'TASK_RUNNING');
  const run = [...state.runs.values()].find(({ executorId }) => executorId === 'seen')!;
  const ask = async (who: string, path: string, body?: object) => {
    const headers = { ...JSON_HEADERS, ...basic(who) };
    const answer = await fetch(
      url + path,
      body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers },
    );
    return { status: answer.status, text: await answer.text() };
  };
  const [ops, viewer] = ['ops:s3cret2', 'viewer:s3cret3'];
  const file = `/files/read?path=${run.directory}/stdout&offset=0`;
  const latest = `/files/browse?path=/frameworks/${run.frameworkId}/executors/seen/runs/latest`;
  for (const path of [file, latest, '/flags', '/containers', '/metrics', '/files/debug', '/monitor/statistics']) {
    expect((await ask(ops, path)).status, path).toBe(200);
    expect(await ask(viewer, path), path).toEqual({ status: 403, text: '403 Forbidden.' });
  }
  for (const [who, shown] of [
    [ops, true],
    [viewer, false],
  ] as const) {
    expect((await ask(who, '/state')).text.includes('"seen"')).toBe(shown);
    for (const type of ['GET_STATE', 'GET_TASKS', 'GET_CONTAINERS', 'GET_FRAMEWORKS'])
      expect((await ask(who, '/api/v1', { type })).text.includes(run.frameworkId), type).toBe(shown);
  }
  const containerId = { value: 'x', parent: { value: run.containerId } };
  for (const call of [
    { type: 'GET_FLAGS' },
    { type: 'READ_FILE', read_file: { path: `${run.directory}/stdout`, offset: 0 } },
    { type: 'KILL_NESTED_CONTAINER', kill_nested_container: { container_id: containerId } },
    {
      type: 'LAUNCH_NESTED_CONTAINER',
      launch_nested_container: { container_id: containerId, command: { value: 'true' } },
    },
  ]) {
    expect((await ask(viewer, '/api/v1', call)).status, call.type).toBe(403);
    expect((await ask(ops, '/api/v1', call)).status, call.type).not.toBe(403);
  }
});
