import type { ContainerInfo } from '@mezzo/sdk/api';
import { beforeEach, describe, expect, test } from 'vitest';
import { AgentWorld, config, task, types } from '../../../tests/support/agent-world.js';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
  world.start();
  world.register();
});

const launch = (path: readonly string[], command = 'sleep 1') =>
  world.call({ type: 'launch', path, ask: { command: { value: command }, resources: [] }, session: false });
const wait = (...path: string[]) => world.call({ type: 'wait', path });
const kill = (signal: number, ...path: string[]) => world.call({ type: 'kill', path, signal });
const remove = (...path: string[]) => world.call({ type: 'remove', path });
const idOf = (...path: string[]): string => world.state.names.get(path.join('.'))!.containerId;

/** Up and running. */
function up(...path: string[]): string {
  expect(launch(path)).toBeUndefined();
  const request = world.requests;
  world.innerLaunched(idOf(...path));
  expect(world.replies.get(request)).toEqual({ status: 200 });
  return idOf(...path);
}

describe('a container that stands alone', () => {
  test('is launched, told apart by its name, waited for, and removed', () => {
    launch(['s']);
    expect(world.effects.at(-1)).toMatchObject({ type: 'prepareSandbox', directory: '/w/containers/s', within: '/w' });
    world.dispatch({ type: 'sandboxPrepared', containerId: idOf('s') });
    expect(world.effects[0]).toMatchObject({ spec: { command: { argv: ['sleep 1'] }, sandbox: '/w/containers/s' } });
    world.innerLaunched(idOf('s'));
    expect(launch(['s'])).toEqual({ status: 202 });
    expect(wait('s')).toBeUndefined();
    const waiting = world.requests;
    world.ended(idOf('s'), { code: 3 });
    expect(world.replies.get(waiting)).toMatchObject({ status: 200, exit: { code: 3 } });
    expect(wait('s')).toMatchObject({ status: 200, exit: { code: 3 } });
    expect(launch(['s'])).toEqual({ status: 202 });
    expect(remove('s')).toBeUndefined();
    const { requests: request } = world;
    expect(world.effects).toContainEqual({
      type: 'removeSandbox',
      request,
      directory: '/w/containers/s',
      within: '/w',
      reply: { status: 404, text: 'Container s has ended; what was left of it is removed' },
    });
    expect(wait('s')).toEqual({ status: 404, text: 'Container s cannot be found' });
    expect([...world.disk.keys()].filter((key) => key.startsWith('containers/'))).toEqual([]);
  });

  test('has the secrets that it names asked for, which a session has no time to', () => {
    world = new AgentWorld({ ...config, secretResolver: 'vault' });
    world.start();
    world.register();
    const variables = [{ name: 'A', type: 'SECRET', secret: { type: 'REFERENCE', reference: { name: 'a' } } } as const];
    const ask = { command: { value: 'env', environment: { variables } }, resources: [] };
    world.call({ type: 'launch', path: ['s'], ask, session: false });
    expect(world.effects.at(-1)).toMatchObject({ secrets: [{ variable: 'A', reference: { name: 'a' } }] });
    expect(world.call({ type: 'launch', path: ['t'], ask, session: true })).toEqual({
      status: 400,
      text: 'Secrets by reference are not supported in sessions (environment variable A)',
    });
  });

  test('is answered with why it cannot be launched', () => {
    launch(['s']);
    const request = world.requests;
    const containerId = idOf('s');
    world.dispatch({ type: 'sandboxPrepared', containerId });
    world.dispatch({ type: 'containerLaunchFailed', containerId, message: 'no luck' });
    expect(world.replies.get(request)).toEqual({ status: 400, text: 'Failed to launch container: no luck' });
    expect(wait('s')).toMatchObject({ status: 404 });
  });

  test('outlives its agent, as does what is known of its end', () => {
    const [alive, ended] = [up('alive'), up('ended')];
    world.ended(ended, { code: 4 });
    const lost = up('lost');
    world.start([alive]);
    expect(wait('ended')).toMatchObject({ exit: { code: 4 } });
    expect(wait('lost')).toMatchObject({ status: 200, exit: { limitation: 'unknown' } });
    expect(wait('alive')).toBeUndefined();
    world.ended(alive, { code: 5 });
    expect(world.replies.get(world.requests)).toMatchObject({ exit: { code: 5 } });
    expect(world.state.containers.has(lost)).toBe(true);
  });

  test('that is gone after a restart takes along what is known of those in it', () => {
    up('s');
    const inner = up('s', 'n');
    world.ended(inner, { code: 1 });
    up('s', 'late');
    world.start([]);
    expect(wait('s')).toMatchObject({ status: 200, exit: { limitation: 'unknown' } });
    expect([wait('s', 'n'), wait('s', 'late')]).toMatchObject([{ status: 404 }, { status: 404 }]);
  });

  test('ends when the agent leaves', () => {
    const [running, ended] = [up('running'), up('ended')];
    world.ended(ended);
    world.dispatch({ type: 'leaveRequested' });
    expect(world.effects).toContainEqual(expect.objectContaining({ type: 'killContainer', containerId: running }));
    expect(types(world.ended(running, { signal: 'SIGKILL' })).at(-1)).toBe('exit');
    expect(world.disk.size).toBe(0);
  });
});

describe('a container in a container', () => {
  test('of a task is in its sandbox, runs as its user, and ends with it', () => {
    world.run(task('t', { command: { value: 'sleep 1', user: 'nobody' } }));
    const root = world.containerId;
    launch([root, 'n']);
    const directory = `${world.state.runs.get(root)!.directory}/containers/n`;
    expect(world.effects.at(-1)).toMatchObject({ type: 'prepareSandbox', directory, user: 'nobody' });
    world.dispatch({ type: 'sandboxPrepared', containerId: idOf(root, 'n') });
    expect(world.effects[0]).toMatchObject({
      spec: { parent: root, command: { user: 'nobody', env: { PATH: expect.any(String) } } },
    });
    world.innerLaunched(idOf(root, 'n'));
    wait(root, 'n');
    const waiting = world.requests;
    world.exited({ code: 0 });
    world.ended(idOf(root, 'n'), { signal: 'SIGKILL' });
    expect(world.replies.get(waiting)).toMatchObject({ exit: { signal: 'SIGKILL' } });
    expect(wait(root, 'n')).toMatchObject({ status: 404 });
    expect(world.state.containers.size + world.state.names.size).toBe(0);
  });

  test('in one that ends: what is known of it goes, too', () => {
    up('s');
    const inner = up('s', 'n');
    world.ended(inner, { code: 1 });
    expect(wait('s', 'n')).toMatchObject({ exit: { code: 1 } });
    world.ended(idOf('s'));
    expect(wait('s', 'n')).toMatchObject({ status: 404 });
  });

  test('needs a parent that runs, and is not too deep', () => {
    expect(launch(['nope', 'n'])).toEqual({ status: 400, text: 'Parent container nope does not exist' });
    launch(['s']);
    expect(launch(['s', 'n'])).toEqual({ status: 400, text: 'Parent container s is not running' });
    const deep = Array.from({ length: 33 }, (_, i) => `c${i}`);
    expect(launch(deep)).toMatchObject({ status: 400, text: expect.stringContaining('up to 32 levels') });
  });

  test('is removed when it has ended, and not before', () => {
    up('s');
    const inner = up('s', 'n');
    expect(remove('s', 'n')).toEqual({ status: 500, text: 'Nested container has not terminated yet' });
    world.ended(inner);
    remove('s', 'n');
    expect(types(world.effects)).toEqual(['forget', 'removeSandbox']);
    expect(remove('s', 'n')).toEqual({ status: 200 });
    expect(remove('nope', 'n')).toEqual({ status: 500, text: 'Unknown root container' });
  });

  test('of a pod can be waited for and killed like any other', () => {
    world.master({
      type: 'runTaskGroup',
      framework: { user: 'root', name: 'f', id: { value: 'F' } },
      executor: { type: 'DEFAULT', executorId: { value: 'e' } },
      tasks: [task('a')],
    });
    const root = world.containerId;
    world.launched();
    const [a = ''] = world.inner;
    world.innerLaunched(a);
    expect(wait(root, a)).toBeUndefined();
    const waiting = world.requests;
    expect(kill(10, root, a)).toEqual({ status: 200 });
    expect(world.effects[0]).toMatchObject({ type: 'signalContainer', containerId: a, signal: 10 });
    world.ended(a, { signal: 'SIGUSR1' });
    expect(world.replies.get(waiting)).toMatchObject({ exit: { signal: 'SIGUSR1' } });
    expect(remove(root, a)).toEqual({ status: 200 });
  });
});

describe('a session', () => {
  const session = (path: readonly string[], container?: ContainerInfo) =>
    world.call({
      ...{ type: 'launch', path, session: true },
      ask: { command: { value: 'ls' }, resources: [], ...(container && { container }) },
    });

  test('is one more shell of a task: in its sandbox, with its environment, and not written down', () => {
    const variables = [{ name: 'WHO', value: 'task' }];
    world.run(task('t', { command: { value: 'sleep 1', user: 'nobody', environment: { variables } } }));
    const root = world.containerId;
    const written = [...world.disk.keys()];
    session([root, 's'], { type: 'MESOS', ttyInfo: { windowSize: { rows: 5, columns: 6 } } });
    const request = world.requests;
    expect(world.effects).toMatchObject([
      {
        type: 'launchContainer',
        spec: {
          ...{
            parent: root,
            sandbox: world.state.runs.get(root)!.directory,
            streams: { tty: { rows: 5, columns: 6 } },
          },
          command: { argv: ['ls'], user: 'nobody', env: { WHO: 'task', MESOS_EXECUTOR_ID: 't' } },
        },
      },
    ]);
    world.innerLaunched(idOf(root, 's'));
    expect(world.replies.get(request)).toEqual({ status: 200, containerId: idOf(root, 's') });
    expect([...world.disk.keys()]).toEqual(written);
    world.ended(idOf(root, 's'), { code: 4 });
    expect(wait(root, 's')).toMatchObject({ exit: { code: 4 } });
    expect(remove(root, 's')).toEqual({ status: 200 });
  });

  test('is not to be had where no executor is', () => {
    up('alone');
    expect(session(['alone', 's'])).toEqual({ status: 404, text: 'Container alone.s cannot be found' });
  });
});

describe('a kill', () => {
  test('sends the signal, and finds nothing that has ended or never was', () => {
    const id = up('s');
    expect(kill(15, 's')).toEqual({ status: 200 });
    expect(world.effects[0]).toMatchObject({ type: 'signalContainer', containerId: id, signal: 15 });
    world.ended(id, { signal: 'SIGTERM' });
    const text = "Container 's.n' cannot be found (or is already killed)";
    expect(kill(9, 's', 'n')).toEqual({ status: 404, text });
    expect(kill(9, 's')).toMatchObject({ status: 404 });
  });

  test('ends one that is on its way up', () => {
    launch(['early']);
    const early = world.requests;
    expect(kill(9, 'early')).toEqual({ status: 200 });
    expect(world.replies.get(early)).toMatchObject({ status: 400 });
    launch(['late']);
    const containerId = idOf('late');
    world.dispatch({ type: 'sandboxPrepared', containerId });
    expect(kill(9, 'late')).toEqual({ status: 200 });
    const launched = { checkpoint: { containerId, version: 1, data: {} } };
    world.dispatch({ type: 'containerLaunched', containerId, launched });
    expect(world.effects).toContainEqual(expect.objectContaining({ type: 'killContainer', graceMs: 0 }));
  });
});

test('who waits for a task that never runs is told so', () => {
  world.master({ type: 'runTask', framework: { user: 'root', name: 'f', id: { value: 'F' } }, task: task('t') });
  const { containerId } = world;
  wait(containerId);
  world.dispatch({ type: 'sandboxFailed', containerId, stage: 'fetch', message: 'no such file' });
  expect(world.replies.get(world.requests)).toMatchObject({ status: 404 });
  expect(wait(containerId)).toMatchObject({ status: 404 });
});

test('one who leaves is not answered, and what is waited for and kept is bounded', () => {
  const id = up('s');
  wait('s');
  const gone = world.requests;
  world.dispatch({ type: 'containerCallAbandoned', request: gone });
  for (let i = 0; i < 1000; i++) expect(wait('s')).toBeUndefined();
  expect(wait('s')).toMatchObject({ status: 503 });
  world.ended(id);
  expect(world.replies.has(gone)).toBe(false);
  expect(world.state.waits.size).toBe(0);
  for (let i = 1; i < 1000; i++) launch([`c${i}`]);
  expect(launch(['more'])).toEqual({ status: 400, text: '1000 containers are there: remove some' });
});
