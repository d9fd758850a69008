import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.js';
import { EventRing } from '../event-ring.js';
import { listen } from './server.js';

const noop = () => {};
const log = { debug: noop, info: noop, warn: noop, error: noop, child: () => log };

let cluster: FakeCluster;
let base: string;
let server: { dispose(): Promise<void> };

beforeEach(async () => {
  cluster = new FakeCluster();
  cluster.addAgent();
  cluster.start();
  const ring = new EventRing(1);
  cluster.onPublish = (event) => ring.add(event);
  const listening = await listen({ engine: cluster, ring, log, address: '' }, '127.0.0.1', 0);
  server = listening;
  base = `http://127.0.0.1:${listening.port}`;
});
afterEach(() => server.dispose());

interface Answered {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- bodies of any shape are looked into
  body: any;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(base + path, {
    method,
    body: body === undefined ? undefined : text,
    headers,
    redirect: 'manual',
  });
  const said = await answer.text();
  return { status: answer.status, headers: answer.headers, body: said === '' ? undefined : JSON.parse(said) };
}

const web = { id: '/g/web', cmd: 'sleep 100', cpus: 0.1, instances: 2, labels: { tier: 'front' } };

describe('the Marathon API', () => {
  it('answers a creation with 201, the app, its place and its deployment', async () => {
    const answer = await call('POST', '/v2/apps/', web);
    expect(answer).toMatchObject({ status: 201, body: { id: '/g/web', instances: 2, tasksRunning: 0 } });
    expect(answer.headers.get('location')).toBe('/g/web');
    expect(answer.body.deployments).toEqual([{ id: answer.headers.get('marathon-deployment-id') }]);
    expect(answer.headers.get('cache-control')).toBe('no-cache, no-store, must-revalidate');
  });

  it('shows an app with counts and tasks', async () => {
    await call('POST', '/v2/apps', web);
    const { body } = await call('GET', '/v2/apps//g/web');
    expect(body.app).toMatchObject({
      id: '/g/web',
      tasksRunning: 2,
      tasksStaged: 0,
      deployments: [],
      networks: [{ mode: 'host' }],
    });
    expect(body.app.tasks).toHaveLength(2);
    expect(body.app.tasks[0]).toMatchObject({
      appId: '/g/web',
      host: 'node1',
      state: 'TASK_RUNNING',
      ports: [expect.any(Number)],
    });
    expect((await call('GET', '/v2/apps/g/web/tasks')).body.tasks).toHaveLength(2);
    expect((await call('GET', '/v2/apps/g/*/tasks')).body.tasks).toHaveLength(2);
    expect((await call('GET', '/v2/apps/g/*')).body['*']).toHaveLength(1);
    expect((await call('GET', '/v2/tasks?status=running')).body.tasks).toHaveLength(2);
    expect((await call('GET', '/v2/tasks?status=staging')).body.tasks).toHaveLength(0);
  });

  it('filters lists by id, cmd and label', async () => {
    await call('POST', '/v2/apps', web);
    await call('POST', '/v2/apps', { ...web, id: '/api', cmd: 'httpd', labels: { tier: 'back' } });
    const ids = async (query: string) =>
      (await call('GET', `/v2/apps?${query}`)).body.apps.map(({ id }: { id: string }) => id);
    expect(await ids('id=WEB')).toEqual(['/g/web']);
    expect(await ids('cmd=http')).toEqual(['/api']);
    expect(await ids('label=tier==front')).toEqual(['/g/web']);
    expect(await ids(`label=${encodeURIComponent('tier in (front,back), tier != front')}`)).toEqual(['/api']);
    expect(await ids('limit=1&offset=1')).toEqual(['/api']);
    expect(await call('GET', '/v2/apps?label=(')).toMatchObject({
      status: 422,
      body: { message: "Can not parse label selector '('. Reason: unexpected text at position 0" },
    });
  });

  it('takes an update with nulls for what is not said', async () => {
    await call('POST', '/v2/apps', web);
    const answer = await call('PUT', '/v2/apps/g/web', { id: '/g/web', instances: 3, ports: null, dependencies: null });
    expect(answer).toMatchObject({
      status: 200,
      body: { version: expect.any(String), deploymentId: expect.any(String) },
    });
    expect(cluster.tasksOf('/g/web')).toHaveLength(3);
  });

  it('creates with PUT, but not with PATCH', async () => {
    expect((await call('PATCH', '/v2/apps/g/web', { instances: 1 })).status).toBe(404);
    expect((await call('PUT', '/v2/apps/g/web', { cmd: 'sleep 1' })).status).toBe(201);
    expect(
      (
        await call('PUT', '/v2/apps', [
          { id: '/g/web', instances: 2 },
          { id: '/b', cmd: 'sleep 1' },
        ])
      ).status,
    ).toBe(200);
    expect(cluster.tasksOf('/b')).toHaveLength(1);
  });

  it('rolls back to a version', async () => {
    const { body } = await call('POST', '/v2/apps', web);
    await call('PUT', '/v2/apps/g/web', { cmd: 'sleep 200' });
    const { versions } = (await call('GET', '/v2/apps/g/web/versions')).body;
    expect(versions).toHaveLength(2);
    expect((await call('GET', `/v2/apps/g/web/versions/${versions[1]}`)).body.cmd).toBe('sleep 100');
    await call('PUT', '/v2/apps/g/web', { version: body.version });
    expect((await call('GET', '/v2/apps/g/web')).body.app.cmd).toBe('sleep 100');
    expect((await call('PUT', '/v2/apps/g/web', { version: '2000-01-01T00:00:00.000Z' })).status).toBe(404);
  });

  it('kills tasks of an app, one or all, with and without scaling', async () => {
    await call('POST', '/v2/apps', { ...web, instances: 3 });
    const [first = ''] = cluster.tasksOf('/g/web');
    expect((await call('DELETE', `/v2/apps/g/web/tasks/${first}`)).body.task.id).toBe(first);
    expect(cluster.tasksOf('/g/web')).not.toContain(first);
    const [second = ''] = cluster.tasksOf('/g/web');
    const scaled = await call('DELETE', `/v2/apps/g/web/tasks/${second}?scale=true`);
    expect(scaled.body.deploymentId).toBeDefined();
    expect(cluster.state.apps.get('/g/web')?.definition.instances).toBe(2);
    expect((await call('POST', '/v2/tasks/delete', { ids: cluster.tasksOf('/g/web') })).body.tasks).toHaveLength(2);
    expect((await call('DELETE', '/v2/apps/g/web/tasks?host=elsewhere')).body).toEqual({ tasks: [] });
    expect((await call('DELETE', '/v2/apps/g/web/tasks?scale=true&wipe=true')).status).toBe(400);
    expect((await call('POST', '/v2/tasks/delete', { ids: ['nonsense'] })).status).toBe(400);
  });

  it('reverts and cancels deployments', async () => {
    await call('POST', '/v2/apps', web);
    const { deploymentId } = (await call('PUT', '/v2/apps/g/web', { mem: 100_000 })).body;
    const [shown] = (await call('GET', '/v2/deployments')).body;
    expect(shown).toMatchObject({ id: deploymentId, affectedApps: ['/g/web'], currentStep: 1, totalSteps: 1 });
    const before = cluster.tasksOf('/g/web');
    expect((await call('DELETE', `/v2/deployments/${deploymentId}`)).status).toBe(200);
    expect((await call('GET', '/v2/deployments')).body).toEqual([]);
    expect((await call('GET', '/v2/apps/g/web')).body.app.mem).toBe(128);
    expect(cluster.tasksOf('/g/web')).toEqual(before);
    const next = (await call('PUT', '/v2/apps/g/web', { mem: 100_000 })).body.deploymentId;
    expect((await call('DELETE', `/v2/deployments/${next}?force=true`)).status).toBe(202);
    expect((await call('DELETE', `/v2/deployments/${next}`)).status).toBe(404);
  });

  it('shows why an app waits and forgives its delay', async () => {
    await call('POST', '/v2/apps', { ...web, instances: 1, backoffSeconds: 100 });
    cluster.status(cluster.tasksOf('/g/web')[0] ?? '', 'TASK_FAILED', { message: 'exit 3' });
    const [item] = (await call('GET', '/v2/queue')).body.queue;
    expect(item).toMatchObject({
      count: 1,
      delay: { timeLeftSeconds: 100, overdue: false },
      reason: 'Launches are held back for 100 s after a failure: exit 3',
    });
    expect((await call('DELETE', '/v2/queue//g/web/delay')).status).toBe(204);
    expect(cluster.tasksOf('/g/web')).toHaveLength(1);
    expect((await call('DELETE', '/v2/queue//nope/delay')).body).toEqual({
      message: 'Application /nope not found in tasks queue.',
    });
  });

  it('shows groups as a tree of app ids', async () => {
    await call('POST', '/v2/apps', web);
    expect((await call('GET', '/v2/groups')).body).toMatchObject({
      id: '/',
      apps: [],
      groups: [{ id: '/g', apps: [{ id: '/g/web' }] }],
    });
    expect((await call('GET', '/v2/groups//g')).body.id).toBe('/g');
    expect((await call('GET', '/v2/groups/none')).status).toBe(404);
  });

  it('says in clear words what it does not do', async () => {
    expect(await call('HEAD', '/v2/pods')).toMatchObject({ status: 501 });
    expect(await call('GET', '/v2/pods')).toMatchObject({
      status: 501,
      body: { message: 'Pods are not supported yet' },
    });
    expect(await call('GET', '/v2/nothing')).toMatchObject({ status: 404, body: { message: 'URI not found' } });
  });

  it('tells about itself', async () => {
    expect((await call('GET', '/v2/info')).body).toMatchObject({
      name: 'marathon',
      elected: true,
      frameworkId: 'F-0000',
    });
    expect((await call('GET', '/v2/leader')).body).toEqual({ leader: base.slice('http://'.length) });
    expect(await (await fetch(`${base}/ping`)).text()).toBe('pong');
    expect((await call('GET', '/metrics')).body.gauges['marathon.apps.gauge']).toEqual({ value: 0 });
  });

  it('refuses changes from pages of other sites', async () => {
    expect((await call('POST', '/v2/apps', web, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await call('POST', '/v2/apps', web, { origin: base })).status).toBe(201);
  });

  it('refuses bodies beyond its bound', async () => {
    const answer = await call('POST', '/v2/apps', { ...web, cmd: 'x'.repeat(1024 * 1024) });
    expect(answer).toMatchObject({ status: 413, body: { message: 'The body is larger than 1048576 bytes' } });
  });
});

describe('/v2/events', () => {
  /** Calls `act` once the stream stands, and reads until `until` has come. */
  async function read(
    path: string,
    headers: Record<string, string>,
    until: string,
    act?: () => unknown,
  ): Promise<string> {
    const aborter = new AbortController();
    const answer = await fetch(base + path, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: aborter.signal,
    });
    let text = '';
    for await (const chunk of answer.body ?? []) {
      if (text === '') act?.();
      text += Buffer.from(chunk).toString();
      if (text.includes(until)) break;
    }
    aborter.abort();
    return text;
  }

  it('wants the right Accept header', async () => {
    expect((await call('GET', '/v2/events')).status).toBe(405);
  });

  it('numbers events, filters types, and replays what came since Last-Event-ID', async () => {
    const path = '/v2/events?event_type=deployment_info&event_type=deployment_success';
    const text = await read(path, {}, 'event: deployment_success', () => void call('POST', '/v2/apps', web));
    expect(text.match(/^event: .*/gm)?.every((line) => /deployment_(info|success)/.test(line))).toBe(true);
    const [, first = ''] = /id: (\d+)/.exec(text) ?? [];
    const replayed = await read('/v2/events', { 'last-event-id': first }, 'event: deployment_success');
    expect(replayed.startsWith(': resumed')).toBe(true);
    expect(replayed).toContain('event: status_update_event');
    expect(replayed).not.toContain(`id: ${first}\n`);
  });
});
