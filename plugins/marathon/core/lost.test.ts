import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../testing/fake-cluster.js';
import type { AppUpdate } from './update.js';

let cluster: FakeCluster;
beforeEach(() => {
  cluster = new FakeCluster();
  cluster.addAgent();
  cluster.start();
});

const create = (app: AppUpdate = {}) =>
  cluster.command({ kind: 'createApp', app: { id: '/a', cmd: 'serve', cpus: 0.1, ...app }, force: false });
const [seconds, minutes] = [1000, 60_000];

/** The master says that nobody can reach the task. It may still run. */
const lose = (id: string) =>
  cluster.dispatch({ type: 'statusReceived', status: { taskId: { value: id }, state: 'TASK_UNREACHABLE' } });

describe('an unreachable instance', () => {
  it('is replaced and forgotten at once by default; its task is ended should it return', () => {
    create();
    const [lost = ''] = cluster.tasksOf('/a');
    lose(lost);
    expect(cluster.tasksOf('/a')).toHaveLength(2);
    expect(cluster.state.apps.get('/a')?.instances.size).toBe(1);
    cluster.status(lost, 'TASK_RUNNING', { reason: 'REASON_AGENT_REREGISTERED' });
    expect(cluster.tasksOf('/a')).not.toContain(lost);
    expect(cluster.tasksOf('/a')).toHaveLength(1);
  });

  it('is waited for as long as its strategy says', () => {
    create({ unreachableStrategy: { inactiveAfterSeconds: 60, expungeAfterSeconds: 600 } });
    const [lost = ''] = cluster.tasksOf('/a');
    lose(lost);
    cluster.advance(59 * seconds);
    expect(cluster.tasksOf('/a')).toEqual([lost]);
    cluster.advance(1 * seconds);
    expect(cluster.tasksOf('/a')).toHaveLength(2);
    expect(cluster.state.apps.get('/a')?.instances.size).toBe(2);
    cluster.advance(9 * minutes);
    expect(cluster.state.apps.get('/a')?.instances.size).toBe(1);
  });

  it('that returns before it is forgotten goes on, and what is too many goes', () => {
    create({ unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 600 } });
    const [lost = ''] = cluster.tasksOf('/a');
    lose(lost);
    expect(cluster.tasksOf('/a')).toHaveLength(2);
    cluster.status(lost, 'TASK_RUNNING');
    expect(cluster.tasksOf('/a')).toHaveLength(1);
    expect(cluster.state.apps.get('/a')?.instances.size).toBe(1);
  });

  it('is never replaced when that is disabled', () => {
    create({ unreachableStrategy: 'disabled' });
    const [lost = ''] = cluster.tasksOf('/a');
    lose(lost);
    cluster.advance(24 * 60 * minutes);
    expect(cluster.tasksOf('/a')).toEqual([lost]);
  });

  it('keeps its time over a restart', () => {
    create({ unreachableStrategy: { inactiveAfterSeconds: 60, expungeAfterSeconds: 600 } });
    const [lost = ''] = cluster.tasksOf('/a');
    lose(lost);
    cluster.advance(30 * seconds);
    cluster.tasks.get(lost)!.state = 'TASK_UNREACHABLE';
    cluster.restart();
    cluster.advance(29 * seconds);
    expect(cluster.tasksOf('/a')).toEqual([lost]);
    cluster.advance(1 * seconds);
    expect(cluster.tasksOf('/a')).toHaveLength(2);
  });

  it('does not hold up the removal of its app', () => {
    create({ unreachableStrategy: 'disabled' });
    lose(cluster.tasksOf('/a')[0] ?? '');
    cluster.command({ kind: 'removeApp', id: '/a', force: true });
    expect(cluster.state.apps.size).toBe(0);
  });
});

describe('a kill', () => {
  it('is repeated until the task has ended', () => {
    create();
    cluster.prompt = false;
    cluster.command({ kind: 'removeApp', id: '/a', force: true });
    cluster.advance(65 * seconds);
    expect(cluster.callsOf('KILL')).toHaveLength(3);
    cluster.status(cluster.tasksOf('/a')[0] ?? '', 'TASK_KILLED');
    cluster.advance(65 * seconds);
    expect(cluster.callsOf('KILL')).toHaveLength(3);
    expect(cluster.state.apps.size).toBe(0);
  });

  it('that came before the agent was back is said again once the master knows of the task', () => {
    create();
    cluster.prompt = false;
    cluster.command({ kind: 'removeApp', id: '/a', force: true });
    const [task = ''] = cluster.tasksOf('/a');
    cluster.status(task, 'TASK_KILLING', { reason: 'REASON_RECONCILIATION' });
    cluster.status(task, 'TASK_RUNNING');
    expect(cluster.callsOf('KILL')).toHaveLength(1);
    cluster.status(task, 'TASK_RUNNING', { reason: 'REASON_RECONCILIATION' });
    expect(cluster.callsOf('KILL')).toHaveLength(2);
  });

  it('comes to a launch that does not start in time', () => {
    cluster.prompt = false;
    create();
    cluster.advance(5 * minutes);
    expect(cluster.callsOf('KILL')).toHaveLength(1);
  });
});

describe('a framework that the master has removed', () => {
  it('starts over as a new one and runs its apps again', () => {
    create({ instances: 2 });
    cluster.tasks.clear();
    cluster.dispatch({ type: 'refused', reason: 'Framework has been removed' });
    expect(cluster.tasksOf('/a')).toHaveLength(2);
  });

  it('gives up when another process took its place', () => {
    create();
    expect(() => cluster.dispatch({ type: 'refused', reason: 'Framework failed over' })).toThrow('failed over');
  });
});

describe('dependencies', () => {
  it('come first, and what depends on them when they are ready', () => {
    const app = (id: string, dependencies: string[]) => ({ id, cmd: 'serve', cpus: 0.1, dependencies });
    cluster.prompt = false;
    cluster.command({
      kind: 'updateApps',
      updates: [app('/g/web', ['db']), app('/g/db', [])],
      force: false,
      partial: true,
      mustExist: false,
      single: false,
    });
    expect(cluster.tasksOf('/g/web')).toEqual([]);
    cluster.status(cluster.tasksOf('/g/db')[0] ?? '', 'TASK_RUNNING');
    expect(cluster.tasksOf('/g/web')).toHaveLength(1);
  });

  it('in a circle are refused', () => {
    const answer = cluster.command({
      kind: 'updateApps',
      updates: [
        { id: '/a', cmd: 'serve', dependencies: ['/b'] },
        { id: '/b', cmd: 'serve', dependencies: ['/a'] },
      ],
      force: false,
      partial: true,
      mustExist: false,
      single: false,
    });
    expect(answer).toMatchObject({
      status: 422,
      body: { details: [{ path: '/', errors: ['Dependency graph has cyclic dependencies.'] }] },
    });
    expect(cluster.state.apps.size).toBe(0);
  });
});
