import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.js';
import { countsOf } from './views/task.js';
import type { AppUpdate, HealthCheckUpdate } from './update.js';

let cluster: FakeCluster;
beforeEach(() => {
  cluster = new FakeCluster();
  cluster.addAgent();
  cluster.start();
});

const create = (check: HealthCheckUpdate, more: AppUpdate = {}) =>
  cluster.command({
    kind: 'createApp',
    app: { id: '/a', cmd: 'serve', cpus: 0.1, healthChecks: [check], ...more },
    force: false,
  });
const probe = (taskId: string, failure?: string) => cluster.dispatch({ type: 'probed', taskId, index: 0, failure });
const task = () => cluster.tasksOf('/a')[0] ?? '';
const counts = () => countsOf(cluster.state.apps.get('/a')!);

describe('a health check by the scheduler', () => {
  it('starts with the task and holds the deployment until it passes', () => {
    create({ protocol: 'HTTP', path: '/health' });
    expect(cluster.probed).toEqual(new Set([task()]));
    expect(cluster.state.deployments.size).toBe(1);
    expect(counts()).toMatchObject({ tasksRunning: 1, tasksHealthy: 0, tasksUnhealthy: 0 });
    probe(task());
    expect(cluster.state.deployments.size).toBe(0);
    expect(counts()).toMatchObject({ tasksHealthy: 1 });
    expect(cluster.eventsOf('health_status_changed_event')).toMatchObject([{ alive: true, appId: '/a' }]);
    expect(cluster.eventsOf('instance_health_changed_event')).toMatchObject([{ healthy: true }]);
  });

  it('is forgiven while the task has its grace', () => {
    create({ gracePeriodSeconds: 10 });
    probe(task(), 'refused');
    expect(cluster.eventsOf('failed_health_check_event')).toHaveLength(0);
    cluster.advance(10_000);
    probe(task(), 'refused');
    expect(cluster.eventsOf('failed_health_check_event')).toHaveLength(1);
  });

  it('kills with the failure after the last that is allowed, and says so in lastTaskFailure', () => {
    create({ maxConsecutiveFailures: 2 });
    const id = task();
    probe(id);
    for (let n = 0; n < 2; n++) probe(id, 'refused');
    expect(task()).toBe(id);
    expect(counts()).toMatchObject({ tasksUnhealthy: 1 });
    probe(id, 'refused');
    expect(cluster.eventsOf('unhealthy_instance_kill_event')).toMatchObject([
      { appId: '/a', taskId: id, reason: 'refused' },
    ]);
    expect(task()).toBe(id.replace(/1$/, '2'));
    expect(cluster.state.apps.get('/a')?.lastFailure).toMatchObject({
      taskId: id,
      message: 'health check failed: refused',
    });
    expect(cluster.probed).toEqual(new Set([task()]));
  });

  it('counts only failures in a row', () => {
    create({ maxConsecutiveFailures: 1 });
    const id = task();
    probe(id);
    for (let n = 0; n < 5; n++) {
      probe(id, 'refused');
      probe(id);
    }
    expect(task()).toBe(id);
  });

  it('never kills when told 0', () => {
    create({ maxConsecutiveFailures: 0 });
    const id = task();
    probe(id);
    for (let n = 0; n < 10; n++) probe(id, 'refused');
    expect(task()).toBe(id);
  });

  it('asks the host port of the check', () => {
    create(
      { protocol: 'TCP', portIndex: 1, intervalSeconds: 2, timeoutSeconds: 1 },
      { portDefinitions: [{ port: 0 }, { port: 0 }] },
    );
    expect(cluster.probes).toEqual([
      {
        index: 0,
        kind: 'tcp',
        host: 'node1',
        port: 31_001,
        path: '/',
        ignore1xx: false,
        intervalMs: 2000,
        eagerMs: 300_000,
        timeoutMs: 1000,
      },
    ]);
  });

  it('is taken up again after a restart', () => {
    create({});
    cluster.restart();
    expect(cluster.probed).toEqual(new Set([task()]));
  });
});

describe('a health check by the agent', () => {
  it('that ends an instance is told in lastTaskFailure; an ill one that a user ends is not', () => {
    create({ protocol: 'COMMAND', command: { value: 'true' } });
    const first = task();
    cluster.status(first, 'TASK_KILLED', { healthy: false });
    expect(cluster.state.apps.get('/a')?.lastFailure).toMatchObject({
      taskId: first,
      message: 'Instance was killed: its health check failed too often',
    });
    const second = task();
    expect(second).not.toBe(first);
    cluster.command({ kind: 'killTasks', ids: [second], single: false, scale: true, wipe: false, force: true });
    cluster.status(second, 'TASK_KILLED', { healthy: false });
    expect(cluster.state.apps.get('/a')?.lastFailure).toMatchObject({ taskId: first });
  });

  it('goes with the task, and its word is the instance health', () => {
    create({ protocol: 'COMMAND', command: { value: 'true' }, maxConsecutiveFailures: 4, intervalSeconds: 7 });
    expect(cluster.probed.size).toBe(0);
    expect(cluster.infoOf(task()).healthCheck).toMatchObject({
      type: 'COMMAND',
      command: { shell: true, value: 'true' },
      consecutiveFailures: 4,
      intervalSeconds: 7,
    });
    cluster.status(task(), 'TASK_RUNNING', { healthy: true });
    expect(counts()).toMatchObject({ tasksHealthy: 1 });
    expect(cluster.state.deployments.size).toBe(0);
    cluster.status(task(), 'TASK_RUNNING', { healthy: false, message: 'exit 1' });
    expect(counts()).toMatchObject({ tasksUnhealthy: 1 });
    expect(cluster.callsOf('KILL')).toHaveLength(0);
  });

  it('over HTTP asks inside of the container', () => {
    const container = {
      type: 'DOCKER' as const,
      docker: { image: 'x' },
      portMappings: [{ containerPort: 8080 }],
    };
    create({ protocol: 'MESOS_HTTP', path: '/up' }, { container, networks: [{ mode: 'container/bridge' }] });
    expect(cluster.infoOf(task()).healthCheck).toMatchObject({
      type: 'HTTP',
      http: { port: 8080, path: '/up', scheme: 'http' },
    });
  });
});

describe('a rolling upgrade', () => {
  it('waits for the health of the new before it ends the old', () => {
    create({});
    const old = task();
    probe(old);
    cluster.command({
      kind: 'updateApps',
      updates: [{ id: '/a', cmd: 'serve better' }],
      force: false,
      partial: true,
      mustExist: true,
      single: true,
    });
    const [, fresh = ''] = cluster.tasksOf('/a');
    expect(cluster.tasksOf('/a')).toEqual([old, fresh]);
    probe(fresh);
    expect(cluster.tasksOf('/a')).toEqual([fresh]);
    expect(cluster.state.deployments.size).toBe(0);
  });
});
