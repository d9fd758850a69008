import type {
  CommandInfo,
  EnvironmentVariable,
  FrameworkInfo,
  OfferOperation,
  Resource,
  ResourceReservationInfo,
  TaskInfo,
  TaskStatus,
} from '@mezzo/sdk/api';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { beforeEach, describe, expect, test } from 'vitest';
import { AgentWorld, aware, config, plain, task, types } from '../../../tests/support/agent-world.js';
import { digestOf } from '../digest.js';
import { bookItems, type DownMessage, type DownRecord } from '../protocol.js';
import type { AgentEffect } from './effects.js';
import type { CheckpointRecord } from './events.js';
import { executorCallFault } from './executor-calls.js';
import { createAgentState } from './state.js';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
  world.start();
  world.register();
});

/** The master has no such books. */
const tellAll = ({ state }: AgentWorld): AgentEffect | undefined => {
  const record = { type: 'tellAll', seq: 1 } as const;
  const effects = world.dispatch({ type: 'masterRecordReceived', connection: state.link.connection, record });
  return effects.find(({ type }) => type === 'connectMaster');
};

describe('a command task', () => {
  test('goes from its sandbox to TASK_FINISHED, one acknowledged update at a time', () => {
    const prepared = world.master({ type: 'runTask', framework: aware, task: task('t') });
    expect(types(prepared)).toContain('prepareSandbox');
    world.launched();
    expect(world.updates().map((u) => u.state)).toEqual(['TASK_STARTING']);
    world.acknowledge();
    world.acknowledge();
    world.exited({ code: 0 });
    expect(world.updates().map((u) => u.state)).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
    expect(world.updates().at(-1)).toMatchObject({
      message: 'Command exited with status 0',
      source: 'SOURCE_EXECUTOR',
      agentId: { value: 'M-S0' },
      executorId: { value: 't' },
      containerStatus: {
        executorPid: 7,
        networkInfos: [{ ipAddresses: [{ protocol: 'IPv4', ipAddress: '10.0.0.1' }] }],
      },
    });
    world.acknowledge();
    expect(world.state.runs.size).toBe(0);
    expect([...world.disk.keys()]).toEqual(['agent']);
  });

  test('is told only after it was written down', () => {
    const effects = world.master({ type: 'runTask', framework: aware, task: task('t') });
    expect(types(effects).indexOf('prepareSandbox')).toBeGreaterThan(types(effects).lastIndexOf('checkpoint'));
    const prepared = types(world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId }));
    expect(prepared.indexOf('launchContainer')).toBeGreaterThan(prepared.lastIndexOf('checkpoint'));
    const launched = world.launched();
    const running = launched.findIndex((e) => e.type === 'checkpoint' && e.key.startsWith('tasks/'));
    expect(running).toBeGreaterThanOrEqual(0);
    world.acknowledge();
    expect(types(world.effects).indexOf('sendMaster')).toBeGreaterThan(types(world.effects).indexOf('checkpoint'));
  });

  test('gets the environment of the field, its own variables on top', () => {
    world.master({
      type: 'runTask',
      framework: { ...aware, checkpoint: true },
      task: task('t', { command: { value: 'env', environment: { variables: [{ name: 'PATH', value: '/x' }] } } }),
    });
    const launch = world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId }).at(-1);
    expect(launch).toMatchObject({
      type: 'launchContainer',
      containerizer: 'mesos',
      spec: {
        resources: { cpusMilli: 500, memMib: 64 },
        command: {
          shell: true,
          argv: ['env'],
          env: {
            PATH: '/x',
            MESOS_FRAMEWORK_ID: 'F',
            MESOS_EXECUTOR_ID: 't',
            MESOS_SLAVE_ID: 'M-S0',
            MESOS_SLAVE_PID: 'slave(1)@10.0.0.1:5051',
            MESOS_CHECKPOINT: '1',
            MESOS_RECOVERY_TIMEOUT: '15mins',
            MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '5secs',
          },
        },
      },
    });
  });

  describe('that names secrets', () => {
    const secret = (name: string, key?: string): EnvironmentVariable['secret'] => ({
      ...{ type: 'REFERENCE', reference: { name, ...(key !== undefined && { key }) } },
    });
    const withSecrets = (secrets: Record<string, EnvironmentVariable['secret']>, ...more: EnvironmentVariable[]) => {
      const variables = Object.entries(secrets).map(([name, one]) => ({ name, type: 'SECRET' as const, secret: one! }));
      return { value: 'env', environment: { variables: [...variables, ...more] } };
    };
    const run = (id: string, command: CommandInfo, more: Partial<TaskInfo> = {}) =>
      world.master({ type: 'runTask', framework: aware, task: task(id, { command, ...more }) });
    const prepared = () => world.effects.find(({ type }) => type === 'prepareSandbox');
    const resolving = () => {
      world = new AgentWorld({ ...config, secretResolver: 'vault' });
      world.start();
      world.register();
    };

    test('is given those that it brings; one that lies with a store is refused without a store', () => {
      run('stored', withSecrets({ S: secret('db/password') }));
      expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' });
      run('brought', withSecrets({ S: { type: 'VALUE', value: { data: 'aHVzaA==' } } }));
      const launch = world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId }).at(-1);
      expect(launch).toMatchObject({ type: 'launchContainer', spec: { command: { env: { S: 'hush' } } } });
    });

    test('has them asked for after its files, and the machine never sees their values', () => {
      resolving();
      run('t', withSecrets({ A: secret('a'), B: secret('b', 'k') }));
      const secrets = [
        { variable: 'A', reference: { name: 'a' } },
        { variable: 'B', reference: { name: 'b', key: 'k' } },
      ];
      expect(prepared()).toMatchObject({ secrets });
      const [launch] = world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId }).slice(-1);
      expect(launch).toMatchObject({ type: 'launchContainer' });
      expect(Object.keys((launch as { spec: ContainerSpec }).spec.command.env)).not.toContain('A');
    });

    test('has the last of variables of one name', () => {
      resolving();
      run('t', withSecrets({ A: secret('a') }, { name: 'A', value: 'plain' }));
      expect(prepared()).not.toHaveProperty('secrets');
      const launch = world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId }).at(-1);
      expect(launch).toMatchObject({ spec: { command: { env: { A: 'plain' } } } });
    });

    test('fails in the words of the shell, and is killed while they are asked for without a container', () => {
      resolving();
      run('t', withSecrets({ A: secret('a') }));
      const message = 'Secret "a" (environment variable "A"): SECRET_DENIED';
      world.dispatch({ type: 'sandboxFailed', containerId: world.containerId, stage: 'secrets', message });
      const reason = 'REASON_CONTAINER_LAUNCH_FAILED';
      const failed = { state: 'TASK_FAILED', reason, message: `Failed to launch container: ${message}` };
      expect(world.updates().at(-1)).toMatchObject(failed);
      run('u', withSecrets({ A: secret('a') }));
      const { containerId } = world;
      world.master({ type: 'killTask', frameworkId: 'F', taskId: 'u' });
      expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_KILLED' });
      expect(types(world.dispatch({ type: 'sandboxPrepared', containerId }))).not.toContain('launchContainer');
    });

    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`S${i}`, secret('s')]));
    test.each<[string, CommandInfo, Partial<TaskInfo>, string]>([
      ['more than can be', withSecrets(many), {}, '65 environment variables are secrets by reference, 64 can be'],
      [
        'in a name that goes into argument lists',
        withSecrets({ 'A.B': secret('a') }),
        {},
        "'A.B' cannot hold a secret",
      ],
      ['without a name', withSecrets({ A: secret('') }), {}, 'Secrets that hold no text are not supported yet'],
      [
        'in a check',
        { value: 'env' },
        { healthCheck: { type: 'COMMAND', command: withSecrets({ A: secret('a') }) } },
        'Secrets by reference are not supported in the commands of checks (environment variable A)',
      ],
    ])('is refused with secrets %s', (_, command, more, words) => {
      resolving();
      run('t', command, more);
      expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_ERROR', message: expect.stringContaining(words) });
    });

    test('of an executor are asked for with its container, not with its tasks', () => {
      resolving();
      const executor = { executorId: { value: 'e' }, command: withSecrets({ A: secret('a') }) };
      const [one, two] = ['t', 'u'].map((id) => task(id, { command: withSecrets({ B: secret('b') }) }));
      world.master({ type: 'runTask', framework: aware, task: one!, executor });
      expect(prepared()).toMatchObject({ secrets: [{ variable: 'A', reference: { name: 'a' } }] });
      world.master({ type: 'runTask', framework: aware, task: two!, executor });
      expect(prepared()).toBeUndefined();
    });
  });

  test.each([
    [{ code: 3 }, 'TASK_FAILED', 'Command exited with status 3', undefined],
    [{ signal: 'SIGKILL' }, 'TASK_FAILED', 'Command terminated with signal Killed', undefined],
    [{ limitation: 'oom' as const, message: 'big' }, 'TASK_FAILED', 'big', 'REASON_CONTAINER_LIMITATION_MEMORY'],
    [{ limitation: 'other' as const, message: 'no' }, 'TASK_FAILED', 'no', 'REASON_CONTAINER_LIMITATION'],
    [{ limitation: 'unknown' as const, message: 'lost' }, 'TASK_FAILED', 'lost', 'REASON_EXECUTOR_TERMINATED'],
  ])('that ends with %j is %s', (exit, state, message, reason) => {
    world.run(task('t'));
    world.acknowledge();
    world.acknowledge();
    world.exited(exit);
    const last = world.updates().at(-1)!;
    expect([last.state, last.message, last.reason]).toEqual([state, message, reason]);
    const isOom = 'limitation' in exit && exit.limitation === 'oom';
    expect(last.limitation?.resources?.[0]?.scalar?.value).toBe(isOom ? 64 : undefined);
  });

  test('is launched once, however often the master says so', () => {
    world.run(task('t'));
    expect(types(world.master({ type: 'runTask', framework: aware, task: task('t') }))).not.toContain('checkpoint');
  });

  test('that runs too long fails for that reason', () => {
    world.run(task('t', { maxCompletionTime: { nanoseconds: 5e9 } }));
    const key = `completion/${world.containerId}/t`;
    expect(world.timers.get(key)).toBe(5000);
    expect(world.fire(key)).toContainEqual(expect.objectContaining({ type: 'killContainer', graceMs: 3000 }));
    world.exited({ signal: 'SIGTERM' });
    for (let i = 0; i < 3; i++) world.acknowledge();
    expect(world.updates().at(-1)).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_MAX_COMPLETION_TIME_REACHED',
    });
  });

  test('whose files cannot be fetched fails, and whose directory cannot be made is dropped', () => {
    const failed = (stage: 'fetch' | 'directory', framework: FrameworkInfo) => {
      world.master({ type: 'runTask', framework, task: task(stage) });
      world.dispatch({ type: 'sandboxFailed', containerId: world.containerId, stage, message: 'why' });
      const { state, reason, source } = world.updates().at(-1)!;
      world.acknowledge();
      return [state, reason, source];
    };
    expect(failed('fetch', aware)).toEqual(['TASK_FAILED', 'REASON_CONTAINER_LAUNCH_FAILED', 'SOURCE_AGENT']);
    expect(failed('directory', aware)).toEqual(['TASK_DROPPED', 'REASON_EXECUTOR_TERMINATED', 'SOURCE_AGENT']);
    expect(failed('directory', plain)[0]).toBe('TASK_LOST');
  });

  test('that nothing here can run says which plugin is missing', () => {
    world.master({ type: 'runTask', framework: aware, task: task('t', { container: { type: 'DOCKER' } }) });
    expect(world.updates().at(-1)).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
      message: expect.stringContaining('containerizer-docker'),
    });
    world.acknowledge();
    expect(world.state.frameworks.size).toBe(0);
  });

  test('whose id would leave its directory is an error', () => {
    world.master({ type: 'runTask', framework: aware, task: task('../x') });
    expect(world.updates().at(-1)).toMatchObject({
      state: 'TASK_ERROR',
      message: "'../x' contains invalid characters",
    });
  });
});

describe('a kill', () => {
  const kill = (killPolicy?: { gracePeriod: { nanoseconds: number } }) =>
    world.master({ type: 'killTask', frameworkId: 'F', taskId: 't', ...(killPolicy && { killPolicy }) });

  test('that makes room for another role says so, after a restart too', () => {
    world.run(task('t'));
    world.acknowledge();
    world.acknowledge();
    world.master({ type: 'killTask', frameworkId: 'F', taskId: 't', preemptedFor: 'prod' });
    kill();
    const told = { reason: 'REASON_CONTAINER_PREEMPTED', message: "Gives way to role 'prod'" };
    expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_KILLING', ...told });
    world.acknowledge();
    world.start([world.containerId]);
    world.register();
    world.exited({ signal: 'SIGTERM' });
    expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_KILLED', ...told });
  });

  test('is told as TASK_KILLING and TASK_KILLED', () => {
    world.run(task('t'));
    world.acknowledge();
    world.acknowledge();
    expect(kill()).toContainEqual(expect.objectContaining({ type: 'killContainer', graceMs: 3000 }));
    world.acknowledge();
    world.exited({ signal: 'SIGTERM' });
    expect(
      world
        .updates()
        .slice(-2)
        .map((u) => u.state),
    ).toEqual(['TASK_KILLING', 'TASK_KILLED']);
    expect(world.updates().at(-1)?.message).toBe('Command terminated with signal Terminated');
  });

  test('without the capability is told by its end alone', () => {
    world.run(task('t'), plain);
    kill();
    world.exited({ code: 0 });
    for (let i = 0; i < 3; i++) world.acknowledge();
    expect(world.updates().map((u) => u.state)).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLED']);
  });

  test('prefers the grace of the call, then that of the task', () => {
    world.run(task('t', { killPolicy: { gracePeriod: { nanoseconds: 9e9 } } }));
    expect(kill()).toContainEqual(expect.objectContaining({ graceMs: 9000 }));
    expect(kill({ gracePeriod: { nanoseconds: 1e9 } })).toContainEqual(expect.objectContaining({ graceMs: 1000 }));
  });

  test('before the launch needs no container', () => {
    world.master({ type: 'runTask', framework: aware, task: task('t') });
    kill();
    expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_TASK_KILLED_DURING_LAUNCH' });
    expect(types(world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId }))).toEqual([]);
  });

  test('during the launch waits for the container, but not for ever', () => {
    world.master({ type: 'runTask', framework: aware, task: task('t') });
    const { containerId } = world;
    world.dispatch({ type: 'sandboxPrepared', containerId });
    kill();
    world.fire(`discard/${containerId}`);
    world.acknowledge();
    world.acknowledge();
    world.acknowledge();
    expect(world.updates().at(-1)?.state).toBe('TASK_KILLED');
    expect(world.state.runs.size).toBe(0);
    const checkpoint = { containerId, version: 1, data: {} };
    const late = world.dispatch({ type: 'containerLaunched', containerId, launched: { checkpoint } });
    expect(late).toEqual([{ type: 'killContainer', containerizer: 'mesos', containerId, graceMs: 0 }]);
    const ended = world.dispatch({ type: 'containerEnded', containerId, exit: { message: '' } });
    expect(types(ended)).toEqual(['removeContainer']);
  });
});

describe('health checks', () => {
  const checked = task('t', { healthCheck: { type: 'HTTP', http: { port: 80, path: '/h' }, consecutiveFailures: 2 } });
  const key = () => `health/${world.containerId}/t`;
  const probe = (status: number) => {
    world.fire(key());
    world.dispatch({ type: 'probeDone', key: key(), outcome: { kind: 'http', status } });
  };
  const told = () => world.updates().map((u) => [u.state, u.healthy]);
  const acknowledgeAll = () => {
    for (let i = 0; i < 6; i++) if (world.state.frameworks.size > 0) world.acknowledge();
  };

  test('begin after 15 s and are told when the health changes', () => {
    world.run(checked);
    expect(world.timers.get(key())).toBe(15_000);
    expect(world.fire(key())[0]).toMatchObject({
      type: 'probe',
      timeoutMs: 20_000,
      probe: { kind: 'http', host: '127.0.0.1', port: 80, path: '/h' },
    });
    world.dispatch({ type: 'probeDone', key: key(), outcome: { kind: 'http', status: 200 } });
    expect(world.timers.get(key())).toBe(10_000);
    probe(204);
    acknowledgeAll();
    expect(told()).toEqual([
      ['TASK_STARTING', undefined],
      ['TASK_RUNNING', undefined],
      ['TASK_RUNNING', true],
    ]);
    expect(world.updates().at(-1)?.reason).toBe('REASON_TASK_HEALTH_CHECK_STATUS_UPDATED');
  });

  test('kill the task at the limit of failures in a row', () => {
    world.run(checked);
    probe(500);
    probe(200);
    probe(500);
    expect(types(world.effects)).not.toContain('killContainer');
    probe(503);
    expect(types(world.effects)).toContain('killContainer');
    world.exited({ signal: 'SIGTERM' });
    for (let i = 0; i < 8; i++) if (world.state.frameworks.size > 0) world.acknowledge();
    expect(told().slice(2)).toEqual([
      ['TASK_RUNNING', false],
      ['TASK_RUNNING', true],
      ['TASK_RUNNING', false],
      ['TASK_RUNNING', false],
      ['TASK_KILLING', false],
      ['TASK_KILLED', false],
    ]);
  });

  test('forgive failures within the grace period until the first success', () => {
    const plan = { ...checked.healthCheck!, delaySeconds: 1, gracePeriodSeconds: 30 };
    world.run(task('t', { healthCheck: plan }));
    probe(500);
    probe(500);
    acknowledgeAll();
    expect(told()).toHaveLength(2);
  });

  test('that only report tell each new result', () => {
    world.run(task('t', { check: { type: 'TCP', tcp: { port: 9 } } }));
    const checkKey = `check/${world.containerId}/t`;
    for (const connected of [false, false, true]) {
      world.fire(checkKey);
      world.dispatch({ type: 'probeDone', key: checkKey, outcome: { kind: 'tcp', connected } });
    }
    acknowledgeAll();
    expect(world.updates().map((u) => u.checkStatus)).toEqual([
      { type: 'TCP', tcp: {} },
      { type: 'TCP', tcp: {} },
      { type: 'TCP', tcp: { succeeded: false } },
      { type: 'TCP', tcp: { succeeded: true } },
    ]);
  });
});

describe('status updates', () => {
  test('are sent again after 10 s, 20 s and so on up to 10 minutes, the oldest alone', () => {
    world.run(task('t'));
    const key = `update/${world.containerId}/t`;
    const waits = Array.from({ length: 8 }, () => {
      const wait = world.timers.get(key);
      world.fire(key);
      return wait;
    });
    expect(waits).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000]);
    expect(new Set(world.updates().map((u) => u.uuid)).size).toBe(1);
  });

  test('wait while there is no master, and go out anew with the registration', () => {
    world.run(task('t'));
    world.dispatch({ type: 'masterLost', connection: world.state.link.connection, reason: 'gone' });
    const before = world.sent.length;
    world.fire(`update/${world.containerId}/t`);
    expect(world.sent).toHaveLength(before);
    world.fire('reconnect');
    const connect = tellAll(world);
    expect(connect).toMatchObject({
      type: 'connectMaster',
      subscribe: {
        agentInfo: { id: { value: 'M-S0' } },
        tasks: [{ frameworkId: 'F', state: 'TASK_RUNNING', unacknowledged: { state: 'TASK_STARTING' } }],
      },
    });
    world.register();
    expect(world.updates().at(-1)?.state).toBe('TASK_STARTING');
  });

  test('an acknowledgement of another update changes nothing', () => {
    world.run(task('t'));
    expect(world.acknowledge({ ...world.updates()[0]!, uuid: 'x' })).toHaveLength(1);
    expect(world.state.runs.get(world.containerId)?.tasks.get('t')?.updates).toHaveLength(2);
  });
});

describe('the link to the master', () => {
  test('begins again with a digest of the books, and with all of them when that does not do', () => {
    world.run(task('t'));
    const lose = () => world.dispatch({ type: 'masterLost', connection: world.state.link.connection, reason: 'gone' });
    const subscribed = () =>
      world.fire('reconnect').flatMap((e) => (e.type === 'connectMaster' ? [e.subscribe] : []))[0];
    lose();
    const [returned, digest] = [subscribed(), digestOf([bookItems.task('F', 't', 'TASK_RUNNING')])];
    expect(returned).toMatchObject({ agentInfo: { id: { value: 'M-S0' } }, digest });
    expect(returned).not.toHaveProperty('tasks');
    expect(tellAll(world)).toMatchObject({ subscribe: { tasks: [{ state: 'TASK_RUNNING' }] } });
    world.register();
    lose();
    expect(subscribed()).toMatchObject({ digest });
    lose();
    expect(subscribed()).toHaveProperty('tasks');
  });

  test('is given up after 75 s of silence and tried again with growing waits', () => {
    expect(types(world.fire('ping'))).toContain('disconnectMaster');
    const waits = Array.from({ length: 8 }, () => {
      const wait = world.timers.get('reconnect');
      world.fire('reconnect');
      world.dispatch({ type: 'masterLost', connection: world.state.link.connection, reason: 'refused' });
      return wait;
    });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  test('ends when another master leads, and whoever waits to try again waits no longer than at first', () => {
    const { connection } = world.state.link;
    const first = world.dispatch({ type: 'masterFound' });
    expect(first).toContainEqual({ type: 'disconnectMaster', connection });
    expect(world.timers.get('reconnect')).toBe(1000);
    for (let i = 0; i < 5; i++) {
      world.fire('reconnect');
      world.dispatch({ type: 'masterLost', connection: world.state.link.connection, reason: 'refused' });
    }
    expect(world.timers.get('reconnect')).toBe(32_000);
    expect(types(world.dispatch({ type: 'masterFound' }))).not.toContain('disconnectMaster');
    expect(world.timers.get('reconnect')).toBe(1000);
    expect(world.fire('reconnect')).toContainEqual(expect.objectContaining({ type: 'connectMaster' }));
  });

  test('ignores what an older connection says', () => {
    const old = world.state.link.connection;
    world.dispatch({ type: 'masterLost', connection: old, reason: 'gone' });
    world.fire('reconnect');
    const record: DownRecord = { type: 'killTask', frameworkId: 'F', taskId: 't', seq: 2 };
    expect(world.dispatch({ type: 'masterRecordReceived', connection: old, record })).toEqual([]);
  });

  test('starts over when a record is missing, and takes a repeated one once', () => {
    const { connection } = world.state.link;
    const ping = (seq: number) =>
      world.dispatch({ type: 'masterRecordReceived', connection, record: { type: 'ping', seq } });
    expect(types(ping(2))).toContain('sendMaster');
    expect(ping(2)).toEqual([]);
    expect(types(ping(4))).toContain('disconnectMaster');
    expect(world.state.link.phase).toBe('idle');
  });

  test('a refusal ends the tasks and the agent', () => {
    world.run(task('t'));
    expect(types(world.master({ type: 'refused', reason: 'marked gone' }))).toContain('killContainer');
    expect(world.exited({ signal: 'SIGTERM' })).toContainEqual(expect.objectContaining({ type: 'exit', code: 1 }));
    expect(world.disk.size).toBe(0);
  });
});

describe('a master that leads no more', () => {
  const serve = (registry: string, epoch: number): boolean => {
    world.dispatch({ type: 'masterFound' });
    world.fire('reconnect');
    world.register({ registry, epoch });
    return world.state.link.phase === 'registered';
  };

  test('does not get the agent back that has served the one after it, not after a restart either', () => {
    expect(serve('r', 3)).toBe(true);
    expect(serve('r', 2)).toBe(false);
    expect(world.timers.has('reconnect')).toBe(true);
    world.start();
    expect(serve('r', 2)).toBe(false);
    expect(serve('r', 3)).toBe(true);
    expect(serve('r', 4)).toBe(true);
  });

  test('is none whose registry is another one, and none of an earlier version, which names no registry', () => {
    expect(serve('r', 3)).toBe(true);
    expect(serve('made anew', 1)).toBe(true);
    world.dispatch({ type: 'masterFound' });
    world.fire('reconnect');
    world.register({ epoch: 1 });
    expect(world.state.link.phase).toBe('registered');
  });

  test('is named with its epoch', () => {
    serve('r', 3);
    world.dispatch({ type: 'masterFound' });
    world.fire('reconnect');
    const effects = world.register({ registry: 'r', epoch: 2 });
    expect(effects).toContainEqual(
      expect.objectContaining({
        type: 'log',
        fields: { reason: 'master M leads no more: its epoch is 2, and 3 was seen' },
      }),
    );
  });
});

describe('after a restart', () => {
  test('a running task runs on and is told to the master as it was', () => {
    world.run(task('t', { healthCheck: { type: 'TCP', tcp: { port: 1 } } }));
    world.acknowledge();
    const { containerId } = world;
    world.start([containerId]);
    expect(world.effects).toContainEqual(
      expect.objectContaining({
        type: 'connectMaster',
        subscribe: expect.objectContaining({ tasks: [expect.objectContaining({ state: 'TASK_RUNNING' })] }),
      }),
    );
    expect(world.timers.has(`health/${containerId}/t`)).toBe(true);
    world.register();
    expect(world.updates().at(-1)?.state).toBe('TASK_RUNNING');
    world.acknowledge();
    world.exited({ code: 0 });
    expect(world.updates().at(-1)?.state).toBe('TASK_FINISHED');
  });

  test('containers are handed back by their checkpoints', () => {
    world.run(task('t'));
    const before = world.containerId;
    world.state = createAgentState(config);
    const records = [...world.disk].map(([key, value]) => ({ key, value }));
    const seed = 'aaaaaaaa-0000-4000-8000-000000000000';
    const load = { type: 'checkpointsLoaded', seed, recover: 'reconnect', records } as const;
    const containers = [{ containerizer: 'mesos', checkpoint: { containerId: before, version: 1, data: {} } }];
    expect(world.dispatch({ ...load, bootId: 'boot-1' })).toEqual([{ type: 'recoverContainers', containers }]);
    world.state = createAgentState(config);
    expect(world.dispatch({ ...load, bootId: 'boot-2' }).at(-1)).toEqual({ type: 'recoverContainers', containers: [] });
  });

  test('what a newer version wrote is refused, and stays as it is', () => {
    world.run(task('t'));
    const records = [...world.disk].map(([key, value]) => ({ key, value }));
    const newer = records.map(({ key, value }) => ({ key, value: { ...(value as object), version: 2 } }));
    world.state = createAgentState(config);
    const seed = 'aaaaaaaa-0000-4000-8000-000000000000';
    const load = { type: 'checkpointsLoaded', seed, bootId: 'boot-1', recover: 'reconnect' } as const;
    expect(world.dispatch({ ...load, records: [...records, newer.at(-1)!] })).toEqual([
      {
        type: 'exit',
        code: 1,
        reason: expect.stringMatching(/the record .* has version 2, and this agent reads 1/) as string,
      },
    ]);
  });

  test.each([
    [aware, 'TASK_GONE'],
    [plain, 'TASK_LOST'],
  ])('a task whose container is lost is told so (%#)', (framework, state) => {
    world.run(task('t'), framework);
    world.acknowledge();
    world.acknowledge();
    world.start([]);
    world.register();
    expect(world.updates().at(-1)).toMatchObject({ state, reason: 'REASON_AGENT_RESTARTED', source: 'SOURCE_AGENT' });
    world.acknowledge();
    expect([...world.disk.keys()]).toEqual(['agent']);
  });

  test('a task that was never launched is dropped', () => {
    world.master({ type: 'runTask', framework: aware, task: task('t') });
    world.start([]);
    world.register();
    expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_DROPPED', reason: 'REASON_AGENT_RESTARTED' });
  });

  test('a task that was told to start is gone, not dropped: it may have run', () => {
    world.master({ type: 'runTask', framework: aware, task: task('t') });
    world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId });
    world.start([]);
    world.register();
    world.acknowledge();
    expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_GONE', reason: 'REASON_AGENT_RESTARTED' });
  });

  test('an unacknowledged end is told again, not made up anew', () => {
    world.run(task('t'));
    world.acknowledge();
    world.acknowledge();
    world.exited({ code: 0 });
    const end = world.updates().at(-1)!;
    world.start([]);
    world.register();
    expect(world.updates().at(-1)).toEqual(end);
  });

  test('cleanup ends what runs and exits without a master', () => {
    world.run(task('t'));
    const { containerId } = world;
    world.start([containerId], 'boot-1', 'cleanup');
    expect(types(world.effects)).not.toContain('connectMaster');
    expect(types(world.effects)).toContain('killContainer');
    expect(world.exited({ signal: 'SIGTERM' })).toContainEqual(expect.objectContaining({ type: 'exit', code: 0 }));
  });

  test('whatever half of the records a torn disk left, the books hold and nothing is left behind', () => {
    world.run(task('t'));
    const whole = [...world.disk];
    const { containerId } = world;
    for (let kept = 0; kept < 2 ** whole.length; kept++) {
      world.disk.clear();
      for (const [i, [key, value]] of whole.entries()) if (kept & (1 << i)) world.disk.set(key, value);
      world.start([containerId]);
      if (world.state.runs.size > 0) world.exited({ signal: 'SIGKILL' });
      world.register();
      for (let i = 0; i < 4; i++) if (world.state.frameworks.size > 0) world.acknowledge();
      expect([...world.disk.keys()]).toEqual(['agent']);
    }
  });

  test('the tasks know the id of an agent whose own record is damaged', () => {
    world.run(task('t'));
    world.disk.delete('agent');
    world.start([world.containerId]);
    expect(world.state.agentId).toBe('M-S0');
  });

  test('a record of another format is left alone', () => {
    world.run(task('t'));
    for (const [key, value] of world.disk) world.disk.set(key, { ...(value as object), version: 99 });
    world.start([]);
    expect(world.state.runs.size).toBe(0);
    expect(world.state.agentId).toBeUndefined();
  });
});

describe('frameworks', () => {
  test('shutting one down ends its tasks and tells nobody', () => {
    world.run(task('t'));
    const told = world.sent.length;
    expect(types(world.master({ type: 'shutdownFramework', frameworkId: 'F' }))).toContain('killContainer');
    world.exited({ signal: 'SIGTERM' });
    expect(world.sent).toHaveLength(told);
    expect(world.state.frameworks.size).toBe(0);
    expect([...world.disk.keys()]).toEqual(['agent']);
  });

  test('a shutdown goes on after a restart', () => {
    world.run(task('t'));
    world.master({ type: 'shutdownFramework', frameworkId: 'F' });
    world.start([world.containerId]);
    expect(types(world.effects)).toContain('killContainer');
  });

  test('leaving tells the master, ends all tasks and forgets the id', () => {
    world.run(task('t'));
    const effects = world.dispatch({ type: 'leaveRequested' });
    expect(world.sent.at(-1)).toEqual({ type: 'unregister' });
    expect(types(effects)).toContain('killContainer');
    expect(types(world.exited({ signal: 'SIGTERM' })).at(-1)).toBe('exit');
    expect(world.disk.size).toBe(0);
  });
});

describe('a custom executor', () => {
  const executor = {
    type: 'CUSTOM',
    executorId: { value: 'e' },
    command: { value: './e' },
    shutdownGracePeriod: { nanoseconds: 2e9 },
  } as const;
  const ids = { frameworkId: { value: 'F' }, executorId: { value: 'e' } };
  const mine = (id: string) => {
    const { command: _, ...rest } = task(id);
    return rest;
  };
  const runTask = (id: string) =>
    world.master({ type: 'runTask', framework: { ...aware, checkpoint: true }, task: mine(id), executor });
  const subscribe = (
    connection = 'c1',
    unacknowledgedTasks: TaskInfo[] = [],
    unacknowledgedUpdates: { status: TaskStatus }[] = [],
  ) =>
    world.dispatch({
      type: 'executorSubscribed',
      connection,
      call: { ...ids, type: 'SUBSCRIBE', subscribe: { unacknowledgedTasks, unacknowledgedUpdates } },
    });
  const uuid = (n: number) => `${String(n).padStart(22, 'E')}==`;
  const update = (n: number, id: string, state: TaskStatus['state']) =>
    world.dispatch({
      type: 'executorCalled',
      call: {
        ...ids,
        type: 'UPDATE',
        update: { status: { taskId: { value: id }, state, uuid: uuid(n), source: 'SOURCE_EXECUTOR' } },
      },
    });
  const told = (effects: AgentEffect[]) =>
    effects.flatMap((e) => (e.type === 'sendExecutor' ? [e.event.type] : e.type === 'closeExecutor' ? ['close'] : []));

  test('subscribes, is handed its tasks, and its updates are acknowledged once written', () => {
    runTask('a');
    world.launched();
    expect(world.timers.get(`register/${world.containerId}`)).toBe(60_000);
    expect(told(subscribe())).toEqual(['SUBSCRIBED', 'LAUNCH']);
    expect(told(runTask('b'))).toEqual(['LAUNCH']);
    const effects = update(1, 'a', 'TASK_RUNNING');
    expect(types(effects).indexOf('sendExecutor')).toBeGreaterThan(types(effects).indexOf('checkpoint'));
    expect(told(effects)).toEqual(['ACKNOWLEDGED']);
    expect(world.updates().at(-1)).toMatchObject({ uuid: uuid(1), containerStatus: { executorPid: 7 } });
    expect(told(update(1, 'a', 'TASK_RUNNING'))).toEqual(['ACKNOWLEDGED']);
    expect(world.updates()).toHaveLength(1);
  });

  test('that ends takes its tasks along', () => {
    runTask('a');
    world.launched();
    subscribe();
    world.exited({ code: 2 });
    expect(world.updates().at(-1)).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_EXECUTOR_TERMINATED',
      message: 'Executor terminated',
    });
    const exited = { type: 'executorExited', frameworkId: 'F', executorId: 'e', status: 512 };
    expect(world.sent).toContainEqual(exited);
  });

  test('that does not subscribe in time is ended', () => {
    runTask('a');
    world.launched();
    expect(types(world.fire(`register/${world.containerId}`))).toEqual(['killContainer']);
    world.exited({ signal: 'SIGKILL' });
    expect(world.updates().at(-1)?.reason).toBe('REASON_EXECUTOR_REGISTRATION_TIMEOUT');
  });

  test('is asked to kill its tasks and to shut down, and ended when it does not', () => {
    runTask('a');
    world.launched();
    subscribe();
    update(1, 'a', 'TASK_RUNNING');
    expect(told(world.master({ type: 'killTask', frameworkId: 'F', taskId: 'a' }))).toEqual(['KILL']);
    expect(told(world.master({ type: 'shutdownExecutor', frameworkId: 'F', executorId: 'e' }))).toEqual(['SHUTDOWN']);
    expect(world.timers.get(`shutdown/${world.containerId}`)).toBe(2000);
    expect(world.fire(`shutdown/${world.containerId}`)).toContainEqual(
      expect.objectContaining({ type: 'killContainer', graceMs: 0 }),
    );
  });

  test('passes messages both ways', () => {
    runTask('a');
    world.launched();
    subscribe();
    expect(told(world.master({ type: 'message', frameworkId: 'F', executorId: 'e', data: 'ZA==' }))).toEqual([
      'MESSAGE',
    ]);
    world.dispatch({ type: 'executorCalled', call: { ...ids, type: 'MESSAGE', message: { data: 'ZQ==' } } });
    expect(world.sent.at(-1)).toEqual({ type: 'message', frameworkId: 'F', executorId: 'e', data: 'ZQ==' });
  });

  test('subscribes again after a restart of the agent, and gets what it never received', () => {
    runTask('a');
    world.launched();
    subscribe();
    runTask('b');
    world.start([world.containerId]);
    world.register();
    expect(world.timers.get(`register/${world.containerId}`)).toBe(2000);
    const effects = subscribe('c2', [mine('a')]);
    expect(told(effects)).toEqual(['SUBSCRIBED', 'LAUNCH']);
    expect(effects).toContainEqual(
      expect.objectContaining({ event: { type: 'LAUNCH', launch: { task: expect.objectContaining({ name: 'b' }) } } }),
    );
  });

  test('tells again after a restart what was not acknowledged, and each is told to the framework once', () => {
    runTask('a');
    world.launched();
    subscribe();
    const status = (n: number): TaskStatus => ({ taskId: { value: 'a' }, state: 'TASK_RUNNING', uuid: uuid(n) });
    const said = Array.from({ length: 40 }, (_, n) => ({ status: status(n) }));
    for (const connection of ['c2', 'c3']) {
      world.start([world.containerId]);
      expect(told(subscribe(connection, [mine('a')], said)).filter((type) => type === 'ACKNOWLEDGED')).toHaveLength(40);
    }
    world.register();
    world.acknowledgeAll();
    expect(world.updates().map((one) => one.uuid)).toEqual(said.map((one) => one.status.uuid));
  });

  test('is told after a restart to kill what was to be killed while it was away, whether it held the task or not', () => {
    runTask('a');
    runTask('b');
    world.launched();
    subscribe();
    world.dispatch({ type: 'executorDisconnected', connection: 'c1' });
    for (const taskId of ['a', 'b'])
      expect(told(world.master({ type: 'killTask', frameworkId: 'F', taskId }))).toEqual([]);
    world.start([world.containerId]);
    expect(told(subscribe('c2', [mine('a')]))).toEqual(['SUBSCRIBED', 'LAUNCH', 'KILL', 'KILL']);
  });

  test('that was handed its task before the agent knew of its container may have run it: gone, not dropped', () => {
    runTask('a');
    world.dispatch({ type: 'sandboxPrepared', containerId: world.containerId });
    expect(told(subscribe())).toEqual(['SUBSCRIBED', 'LAUNCH']);
    world.start([]);
    world.register();
    expect(world.updates().at(-1)).toMatchObject({ state: 'TASK_GONE', reason: 'REASON_AGENT_RESTARTED' });
  });

  test('that stays away after a restart loses its tasks', () => {
    runTask('a');
    world.launched();
    subscribe();
    update(1, 'a', 'TASK_RUNNING');
    world.acknowledge();
    world.start([world.containerId]);
    world.register();
    world.fire(`register/${world.containerId}`);
    world.exited({ signal: 'SIGKILL' });
    expect(world.updates().at(-1)).toMatchObject({
      state: 'TASK_GONE',
      reason: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
    });
  });

  test('is refused in the order and words of the field', () => {
    const fault = (call: object) => executorCallFault(world.state, { ...ids, ...call } as never);
    expect(fault({ type: 'SUBSCRIBE', subscribe: {} })).toEqual({ status: 400, message: 'Framework cannot be found' });
    runTask('a');
    expect(fault({ type: 'SUBSCRIBE', subscribe: {} })).toEqual({ status: 400, message: 'Executor cannot be found' });
    world.launched();
    expect(fault({ type: 'SUBSCRIBE', subscribe: {} })).toBeUndefined();
    const status = { taskId: { value: 'a' }, state: 'TASK_RUNNING', source: 'SOURCE_EXECUTOR', uuid: uuid(1) };
    expect(fault({ type: 'UPDATE', update: { status } })?.status).toBe(403);
    subscribe();
    expect(fault({ type: 'UPDATE', update: { status } })).toBeUndefined();
    expect(fault({ type: 'UPDATE', update: { status: { ...status, uuid: 'AAAA' } } })?.message).toContain(
      'Not a valid UUID',
    );
    expect(fault({ type: 'UPDATE', update: { status: { ...status, state: 'TASK_STAGING' } } })?.status).toBe(400);
    expect(fault({ type: 'UNKNOWN' })?.status).toBe(501);
    expect(fault({ type: 'HEARTBEAT', executorId: { value: 'nope' } })).toBeUndefined();
  });
});

describe('draining', () => {
  const config = { maxGracePeriod: { nanoseconds: 2_000_000_000n }, markGone: false };
  const graces = (effects: readonly AgentEffect[]) =>
    effects.flatMap((effect) => (effect.type === 'killContainer' ? [effect.graceMs] : []));

  test('ends all tasks, each within the shorter of its own grace and the bound, and says why', () => {
    world.run(task('t', { killPolicy: { gracePeriod: { nanoseconds: 9e9 } } }));
    world.run(task('u', { killPolicy: { gracePeriod: { nanoseconds: 1e9 } } }));
    expect(graces(world.master({ type: 'drain', config, sinceMs: 7 }))).toEqual([2000, 1000]);
    world.exited({ signal: 'SIGTERM' });
    const statuses = world.state.runs.get(world.containerId)!.tasks.get('u')!.statuses;
    expect(statuses.slice(-2)).toMatchObject(
      ['TASK_KILLING', 'TASK_KILLED'].map((state) => ({ state, reason: 'REASON_AGENT_DRAINING' })),
    );
  });

  test('of an agent that will be gone tells those who know the word that their tasks are gone by the operator', () => {
    world.run(task('t'));
    world.master({ type: 'drain', config: { markGone: true }, sinceMs: 7 });
    world.exited({ signal: 'SIGTERM' });
    const told = world.state.runs.get(world.containerId)!.tasks.get('t')!.statuses.slice(-2);
    expect(told).toMatchObject([
      { state: 'TASK_KILLING', reason: 'REASON_AGENT_DRAINING' },
      { state: 'TASK_GONE_BY_OPERATOR', reason: 'REASON_AGENT_DRAINING' },
    ]);
  });

  test('goes on after a restart, until the master lifts it', () => {
    world.run(task('t'));
    const { containerId } = world;
    world.master({ type: 'drain', config, sinceMs: 7 });
    world.start([containerId]);
    expect(graces(world.effects)).toEqual([3000]);
    expect(world.state.drain).toEqual({ config, sinceMs: 7 });
    world.register();
    expect(world.state.drain).toBeUndefined();
    world.start([containerId]);
    expect(world.state.drain).toBeUndefined();
  });
});

test('a crash that keeps the end of a container and loses that of its task costs nothing: how it ended is asked again', () => {
  world.run(task('t'));
  const { containerId } = world;
  const key = [...world.disk.keys()].find((name) => name.startsWith('tasks/'))!;
  const before = world.disk.get(key);
  world.exited({ code: 0 });
  world.disk.set(key, before);
  world.start([containerId]);
  world.register();
  world.exited({ code: 0 });
  for (let i = 0; i < 3; i++) world.acknowledge();
  expect(world.updates().map(({ state }) => state)).toContain('TASK_FINISHED');
  expect(world.updates().map(({ state }) => state)).not.toContain('TASK_GONE');
});

describe('reservations and volumes', () => {
  const web = { type: 'DYNAMIC', role: 'web' } as const;
  const mem = (value: number, reservations: ResourceReservationInfo[] = [web]): Resource => ({
    name: 'mem',
    type: 'SCALAR',
    scalar: { value },
    reservations,
  });
  const reserve = (uuid = 'op', value = 64): DownMessage => ({
    type: 'applyOperation',
    uuid,
    info: { type: 'RESERVE', id: { value: uuid }, reserve: { resources: [mem(value)] } },
    from: [mem(value, [])],
    to: [mem(value)],
  });
  const outcomes = () => world.sent.flatMap((call) => (call.type === 'operationUpdated' ? [call.operation] : []));
  const subscribed = () => world.effects.flatMap((e) => (e.type === 'connectMaster' ? [e.subscribe] : []))[0];

  test('what was asked is done once and written down before anybody is told of it', () => {
    const effects = world.master(reserve());
    expect(effects.slice(1).map((e) => e.type)).toEqual(['checkpoint', 'sendMaster', 'setTimer']);
    world.master(reserve());
    expect(outcomes()).toHaveLength(1);
    expect(world.state.resources).toContainEqual(mem(64));
    expect(world.state.resources).toContainEqual({ name: 'mem', type: 'SCALAR', scalar: { value: 960 } });
  });

  test('the outcome is told until it is acknowledged: after 10 s, doubling, and by the next life', () => {
    world.master(reserve());
    world.fire('operation/op');
    world.fire('operation/op');
    expect(world.timers.get('operation/op')).toBe(40_000);
    world.start();
    expect(subscribed()).toMatchObject({ operations: [{ uuid: 'op', status: { state: 'OPERATION_FINISHED' } }] });
    expect(subscribed()!.resources).toContainEqual(mem(64));
    world.register();
    expect(outcomes()).toHaveLength(4);
    world.master({ type: 'acknowledgeOperation', uuid: 'op' });
    world.start();
    expect(subscribed()).toMatchObject({ operations: [] });
    expect(subscribed()!.resources).toContainEqual(mem(64));
  });

  test('what the agent has not got is dropped, and the master learns what there is', () => {
    world.master(reserve('op', 5000));
    expect(outcomes()).toMatchObject([{ status: { state: 'OPERATION_DROPPED' } }]);
    expect(world.sent).toContainEqual({ type: 'updateResources', resources: config.resources, operations: ['op'] });
  });

  test('a volume is made before it is written down, made sure of in each life, and removed after it is forgotten', () => {
    const disk = (more: Partial<Resource>): Resource => ({
      ...{ name: 'disk', type: 'SCALAR', scalar: { value: 8 }, reservations: [web] },
      ...more,
    });
    const made = disk({ disk: { persistence: { id: 'v1' }, volume: { containerPath: 'data', mode: 'RW' } } });
    const wanted = { directory: '/w/volumes/roles/web/v1', isMount: false, containerPath: 'data', readOnly: false };
    const withDisk = { ...config, resources: [...config.resources, disk({ reservations: [] })] };
    Object.assign(world.state, { config: withDisk, resources: [...config.resources, disk({})] });
    const create = { type: 'CREATE', create: { volumes: [made] } } satisfies OfferOperation;
    const effects = world.master({ type: 'applyOperation', uuid: 'c', info: create, from: [disk({})], to: [made] });
    expect(effects.slice(1, 3)).toMatchObject([
      { type: 'createVolume', volume: wanted, fresh: true },
      { type: 'checkpoint' },
    ]);
    const destroy = { type: 'DESTROY', destroy: { volumes: [made] } } satisfies OfferOperation;
    const undone = world.master({ type: 'applyOperation', uuid: 'd', info: destroy, from: [made], to: [disk({})] });
    expect(undone.slice(1, 3)).toMatchObject([{ type: 'checkpoint' }, { type: 'destroyVolume', volume: wanted }]);
  });

  test('an agent that has less than what was reserved on it says so and ends', () => {
    world.master(reserve('op', 1000));
    const record = world.disk.get('resources') as { kept: object[] };
    world.disk.set('resources', { ...record, kept: [mem(2000)] });
    world.state = createAgentState(config);
    const records = [...world.disk].map(([key, value]): CheckpointRecord => ({ key, value }));
    const effects = world.dispatch({
      type: 'checkpointsLoaded',
      seed: '',
      bootId: 'boot-1',
      recover: 'reconnect',
      records,
    });
    expect(effects.at(-1)).toMatchObject({
      type: 'exit',
      code: 1,
      reason: expect.stringContaining('mem:2000') as string,
    });
  });
});
