import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.js';
import { deploymentsView } from './views/deployment.js';
import { queueView } from './views/queue.js';
import type { AppUpdate } from './update.js';

let cluster: FakeCluster;
beforeEach(() => {
  cluster = new FakeCluster();
  cluster.addAgent();
  cluster.start();
});

const create = (app: AppUpdate) =>
  cluster.command({ kind: 'createApp', app: { cmd: 'sleep 1000', cpus: 0.1, ...app }, force: false });
const update = (change: AppUpdate, force = false) =>
  cluster.command({ kind: 'updateApps', updates: [change], force, partial: true, mustExist: false, single: true });
const app = (id: string) => cluster.state.apps.get(id)!;

describe('an app', () => {
  it('is stored, deployed and running after it was created', () => {
    const answer = create({ id: '/web', instances: 2 });
    expect(answer).toMatchObject({
      status: 201,
      location: '/web',
      body: { id: '/web', instances: 2, tasksRunning: 0 },
    });
    expect(cluster.tasksOf('/web')).toHaveLength(2);
    expect(cluster.state.deployments.size).toBe(0);
    expect(cluster.eventsOf('deployment_success')).toHaveLength(1);
  });

  it('gets no offers before something is wanted, and none after', () => {
    expect(cluster.callsOf('REVIVE')).toHaveLength(0);
    create({ id: '/web' });
    expect(cluster.calls.map(({ type }) => type)).toEqual(['RECONCILE', 'REVIVE', 'ACCEPT', 'SUPPRESS', 'ACKNOWLEDGE']);
  });

  it('is launched by one ACCEPT for each offer, however many instances fit', () => {
    create({ id: '/web', instances: 10 });
    expect(cluster.callsOf('ACCEPT')).toHaveLength(1);
    expect(cluster.tasksOf('/web')).toHaveLength(10);
  });

  it('is launched again as the next incarnation, at once after the first back-off', () => {
    create({ id: '/web' });
    const [first = ''] = cluster.tasksOf('/web');
    expect(first).toMatch(/^web\.instance-[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\._app\.1$/);
    cluster.status(first, 'TASK_FAILED', { message: 'exit 1' });
    expect(cluster.tasksOf('/web')).toEqual([]);
    expect(app('/web').lastFailure).toMatchObject({ message: 'exit 1', state: 'TASK_FAILED', taskId: first });
    cluster.advance(1000);
    expect(cluster.tasksOf('/web')).toEqual([first.replace(/1$/, '2')]);
  });

  it('waits longer after each failure, up to the longest delay', () => {
    create({ id: '/web', backoffSeconds: 10, backoffFactor: 2, maxLaunchDelaySeconds: 35 });
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      const [id = ''] = cluster.tasksOf('/web');
      cluster.status(id, 'TASK_FAILED');
      const startedMs = cluster.nowMs;
      while (cluster.tasksOf('/web').length === 0) cluster.advance(1000);
      waits.push((cluster.nowMs - startedMs) / 1000);
    }
    expect(waits).toEqual([10, 20, 35, 35]);
  });

  it('that was killed from outside comes back without delay', () => {
    create({ id: '/web' });
    const [id = ''] = cluster.tasksOf('/web');
    cluster.status(id, 'TASK_KILLED');
    expect(cluster.tasksOf('/web')).toHaveLength(1);
  });

  it('is scaled up and down without touching the others', () => {
    create({ id: '/web', instances: 3 });
    const before = cluster.tasksOf('/web');
    update({ id: '/web', instances: 10 });
    expect(cluster.tasksOf('/web')).toEqual(expect.arrayContaining(before));
    expect(cluster.tasksOf('/web')).toHaveLength(10);
    cluster.advance(1000);
    update({ id: '/web', instances: 3 });
    expect(cluster.tasksOf('/web')).toHaveLength(3);
    expect(cluster.state.deployments.size).toBe(0);
  });

  it('is gone when removed: tasks, definition and records', () => {
    create({ id: '/web', instances: 3 });
    expect(cluster.command({ kind: 'removeApp', id: '/web', force: true })).toMatchObject({ status: 200 });
    expect(cluster.tasks.size).toBe(0);
    expect([...cluster.store.keys()]).toEqual(['framework']);
    expect(cluster.eventsOf('app_terminated_event')).toMatchObject([{ appId: '/web' }]);
    expect(cluster.command({ kind: 'removeApp', id: '/web', force: true })).toMatchObject({ status: 404 });
  });

  it('put as it is changes nothing', () => {
    create({ id: '/web', instances: 2 });
    const { version } = app('/web').definition;
    const tasks = cluster.tasksOf('/web');
    const answer = update({ id: '/web', cmd: 'sleep 1000', cpus: 0.1, instances: 2 });
    expect(answer).toMatchObject({ status: 200, body: { version } });
    expect(app('/web').definition.version).toBe(version);
    expect(cluster.tasksOf('/web')).toEqual(tasks);
    expect(app('/web').versions.size).toBe(1);
  });

  it('is replaced when its configuration changes', () => {
    create({ id: '/web', instances: 3 });
    const before = cluster.tasksOf('/web');
    update({ id: '/web', cmd: 'sleep 2000' });
    const after = cluster.tasksOf('/web');
    expect(after).toHaveLength(3);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect(after.every((id) => cluster.infoOf(id).command?.value === 'sleep 2000')).toBe(true);
    expect(cluster.state.deployments.size).toBe(0);
  });

  it('is replaced one and all by a restart', () => {
    create({ id: '/web', instances: 2 });
    const before = cluster.tasksOf('/web');
    cluster.command({ kind: 'restartApp', id: '/web', force: false });
    expect(cluster.tasksOf('/web')).toHaveLength(2);
    expect(cluster.tasksOf('/web').filter((id) => before.includes(id))).toEqual([]);
  });

  it('that does not fit says why, in the queue and in its deployment', () => {
    create({ id: '/big', mem: 8192 });
    const view = queueView(cluster.state, cluster.nowMs, false).queue[0] as {
      reason: string;
      processedOffersSummary: object;
    };
    expect(view.reason).toBe(
      'None of 1 agents fits; nearest: node1 has 4096 MiB mem free, 8192 MiB is needed (InsufficientMemory, 1 of 1)',
    );
    expect(view.processedOffersSummary).toMatchObject({
      processedOffersCount: 1,
      rejectSummaryLastOffers: expect.arrayContaining([{ reason: 'InsufficientMemory', declined: 1, processed: 1 }]),
    });
    const [deployment] = deploymentsView(cluster.state, cluster.nowMs);
    expect(deployment).toMatchObject({
      currentActions: [{ action: 'ScaleApplication', app: '/big', waitingFor: view.reason }],
    });
  });

  it('that waits is served when it asks for less', () => {
    create({ id: '/big', mem: 8192 });
    update({ id: '/big', mem: 128 }, true);
    expect(cluster.tasksOf('/big')).toHaveLength(1);
  });

  it('is locked while it is deployed, unless forced', () => {
    create({ id: '/big', mem: 8192 });
    const [id] = cluster.state.deployments.keys();
    expect(update({ id: '/big', mem: 128 })).toMatchObject({ status: 409, body: { deployments: [{ id }] } });
    expect(update({ id: '/big', mem: 128 }, true)).toMatchObject({ status: 200 });
  });
});

describe('a deployment that is cut short', () => {
  it('by a forced change still ends with one configuration', () => {
    create({ id: '/web', instances: 4, upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 } });
    cluster.prompt = false;
    update({ id: '/web', cmd: 'sleep 2000' });
    update({ id: '/web', instances: 3 }, true);
    cluster.prompt = true;
    for (let round = 0; cluster.state.deployments.size > 0 && round < 20; round++) {
      const killed = cluster.callsOf('KILL').map(({ kill }) => kill?.taskId.value ?? '');
      for (const [id, task] of [...cluster.tasks])
        if (killed.includes(id)) cluster.status(id, 'TASK_KILLED');
        else if (task.state === 'TASK_STAGING') cluster.status(id, 'TASK_RUNNING');
    }
    expect(cluster.tasksOf('/web').map((id) => cluster.infoOf(id).command?.value)).toEqual(Array(3).fill('sleep 2000'));
  });

  it('by a cancellation keeps its instances and their number', () => {
    create({ id: '/web', instances: 2 });
    cluster.prompt = false;
    update({ id: '/web', cmd: 'sleep 2000' });
    const [id = ''] = cluster.state.deployments.keys();
    cluster.command({ kind: 'cancelDeployment', id });
    expect(cluster.state.locks.size).toBe(0);
    expect(cluster.eventsOf('deployment_failed')).toHaveLength(1);
    expect(update({ id: '/web', instances: 2 })).toMatchObject({ status: 200 });
  });
});

describe('a restarted scheduler', () => {
  it('touches no task', () => {
    create({ id: '/web', instances: 3 });
    const before = cluster.tasksOf('/web');
    const calls = cluster.calls.length;
    cluster.restart();
    expect(cluster.tasksOf('/web')).toEqual(before);
    expect(cluster.calls.slice(calls).map(({ type }) => type)).toEqual(['RECONCILE', 'RECONCILE']);
  });

  it('replaces what died meanwhile, and launches nothing twice', () => {
    create({ id: '/web', instances: 3 });
    const [dead = '', ...alive] = cluster.tasksOf('/web');
    cluster.tasks.delete(dead);
    cluster.restart();
    const after = cluster.tasksOf('/web');
    expect(after).toHaveLength(3);
    expect(after).toEqual(expect.arrayContaining(alive));
  });

  it('relaunches what was accepted but never arrived', () => {
    cluster.prompt = false;
    create({ id: '/web' });
    cluster.tasks.clear();
    cluster.prompt = true;
    cluster.restart();
    expect(cluster.tasksOf('/web')).toHaveLength(1);
  });

  it('goes on with a deployment', () => {
    create({ id: '/web', instances: 2 });
    cluster.prompt = false;
    update({ id: '/web', cmd: 'sleep 2000' });
    const begun = cluster.tasksOf('/web');
    cluster.prompt = true;
    cluster.restart();
    for (const id of begun) if (cluster.tasks.get(id)?.state === 'TASK_STAGING') cluster.status(id, 'TASK_RUNNING');
    const after = cluster.tasksOf('/web');
    expect(after).toHaveLength(2);
    expect(after.every((id) => cluster.infoOf(id).command?.value === 'sleep 2000')).toBe(true);
    expect(cluster.state.deployments.size).toBe(0);
  });

  it('ends a stranger that carries its name', () => {
    create({ id: '/web' });
    const [id = ''] = cluster.tasksOf('/web');
    const info = cluster.infoOf(id);
    cluster.tasks.set('web.instance-00000000-0000-1000-8000-000000000000._app.1', {
      info,
      agent: cluster.addAgent(),
      state: 'TASK_RUNNING',
    });
    cluster.restart();
    expect(cluster.tasksOf('/web')).toEqual([id]);
  });
});
