import { describe, expect, test } from 'vitest';
import {
  extensionPoint,
  LOG,
  STORE,
  token,
  type Logger,
  type PluginDefinition,
  type PluginManifest,
} from '../contract/index.js';
import { definePlugin, skipped } from './define-plugin.js';
import { RootContainer } from './di.js';
import { EVENT_SINK } from '../points/event-sink.js';
import { PluginRun, type Contributed, type PluginRunOptions } from './plugin-run.js';
import { driveSinks } from './sinks/index.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const NUMBERS = extensionPoint<number>('numbers.v1');

const manifest = (more: Partial<PluginManifest> = {}): PluginManifest => ({
  id: 'p',
  name: 'p',
  version: '1.0.0',
  description: '',
  sdk: '*',
  runsOn: ['master'],
  process: 'own',
  placement: 'every',
  entry: 'plugin.js',
  config: {},
  requires: [],
  uses: [],
  provides: [],
  dependsOn: {},
  listens: {},
  limits: { memoryMib: 1024 },
  permissions: { roles: [], operator: 'none', endpoints: [] },
  onFailure: 'degrade',
  ...more,
});

function make(definition: Partial<PluginDefinition>, options: Partial<PluginRunOptions> = {}) {
  const states: string[] = [];
  const run = new PluginRun({
    manifest: manifest(),
    load: async () => definePlugin({ activate: () => {}, ...definition }),
    config: undefined,
    services: new RootContainer().value(LOG, quiet).value(STORE, {} as never),
    log: quiet,
    timeouts: { loadMs: 50, activateMs: 50, releaseMs: 50 },
    onState: (state) => states.push(state),
    onReleaseError: () => states.push('release error'),
    ...options,
  });
  return { run, states };
}

test('a plugin passes through its phases and stops', async () => {
  const { run, states } = make({ configure: () => {} });
  await run.start();
  await run.stop();
  expect(states).toEqual(['loaded', 'configured', 'active', 'stopping', 'stopped']);
});

describe('a failure is blamed, and what was owned is released in reverse order', () => {
  const boom = () => {
    throw new Error('boom');
  };
  const never = () => new Promise<never>(() => {});
  const cases: [string, Partial<PluginDefinition>, Partial<PluginRunOptions>, RegExp][] = [
    ['load', {}, { load: async () => boom() }, /plugin p failed to load: boom/],
    ['slow load', {}, { load: never }, /plugin p failed to load: loading took longer than 50 ms/],
    ['no definition', {}, { load: async () => ({}) }, /plugin p.*plugin\.js has no plugin definition/],
    ['configure', { configure: boom }, {}, /plugin p failed to configure: boom/],
    ['activate', { activate: boom }, {}, /plugin p failed to activate: boom/],
    ['rejected activate', { activate: async () => boom() }, {}, /plugin p failed to activate: boom/],
    ['slow activate', { activate: never }, {}, /plugin p failed to activate: activation took longer than 50 ms/],
    ['config', {}, { config: { colour: 1 } }, /plugin p: unknown key "colour"/],
    [
      'undeclared point',
      { configure: (bind) => bind.contribute(NUMBERS, { useValue: 1 }) },
      {},
      /add "numbers\.v1" to "provides"/,
    ],
    [
      'undeclared service',
      { activate: (ctx) => void ctx.resolve(STORE) },
      {},
      /plugin p failed to activate.*add "store" to "requires"/,
    ],
  ];
  test.each(cases)('%s', async (_, definition, options, reason) => {
    const released: string[] = [];
    const activate: PluginDefinition['activate'] = async (ctx, config) => {
      ctx.own(() => void released.push('first'));
      ctx.own({ dispose: () => void released.push('second') });
      await definition.activate?.(ctx, config);
    };
    const { run } = make({ ...definition, ...(definition.activate && { activate }) }, options);
    await run.start();
    expect(run.state).toBe('failed');
    expect(run.reason).toMatch(reason);
    expect(released).toEqual(definition.activate ? ['second', 'first'] : []);
  });
});

test('a release that throws or hangs stops no other release', async () => {
  const released: number[] = [];
  const { run, states } = make({
    activate: (ctx) => {
      ctx.own(() => void released.push(1));
      ctx.own(() => Promise.reject(new Error('no')));
      ctx.own(() => new Promise<void>(() => {}));
      ctx.own(() => void released.push(4));
    },
  });
  await run.start();
  await run.stop();
  expect(released).toEqual([4, 1]);
  expect(states.slice(-4)).toEqual(['stopping', 'release error', 'release error', 'stopped']);
});

test('what a late activation acquires is released at once', async () => {
  let go: () => void = () => {};
  const gate = new Promise<void>((resolve) => (go = resolve));
  const released: string[] = [];
  const { run } = make({
    activate: async (ctx) => {
      await gate;
      expect(ctx.signal.aborted).toBe(true);
      ctx.own(() => void released.push('late'));
    },
  });
  await run.start();
  expect(run.state).toBe('failed');
  go();
  await expect.poll(() => released).toEqual(['late']);
});

test('not on this machine is no failure', async () => {
  const { run } = make({
    activate: () => {
      throw skipped('no Docker here');
    },
  });
  await run.start();
  expect([run.state, run.reason]).toEqual(['skipped', 'no Docker here']);
});

test('a plugin says that it is degraded, and well again', async () => {
  let say: (reason: string | undefined) => void = () => {};
  const { run } = make({
    activate: (ctx) => {
      say = (reason) => ctx.degraded(reason);
      say('starting');
    },
  });
  await run.start();
  expect([run.state, run.reason]).toEqual(['degraded', 'starting']);
  say(undefined);
  expect([run.state, run.reason]).toEqual(['active', undefined]);
  await run.stop();
  say('too late');
  expect(run.state).toBe('stopped');
});

test('stopping while it activates ends stopped', async () => {
  const { run, states } = make({
    activate: (ctx) => new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve())),
  });
  const started = run.start();
  await expect.poll(() => run.state).toBe('configured');
  await run.stop();
  await started;
  expect(states).toEqual(['loaded', 'configured', 'stopping', 'stopped']);
});

test('configuration is checked and its defaults are filled in', async () => {
  let seen: unknown;
  const config = {
    properties: {
      port: { type: 'integer', default: 53 },
      tls: { type: 'object', properties: { cert: { type: 'string' } } },
    },
  };
  const start = async (value: unknown) => {
    const { run } = make({ activate: (_, c) => void (seen = c) }, { manifest: manifest({ config }), config: value });
    await run.start();
    return run.reason;
  };
  expect(await start({ tls: { cert: 'x' } })).toBeUndefined();
  expect(seen).toEqual({ port: 53, tls: { cert: 'x' } });
  expect(await start({ port: 'high', tls: { key: 1 } })).toMatch(
    /unknown key "tls\.key"; .*"port" must be integer|"port" must be integer.*unknown key "tls\.key"/,
  );
});

test('contributions are built with the services of their plugin', async () => {
  const size = token<number>('test/size');
  const { run } = make(
    {
      configure: (bind) => {
        bind.bind(size, { useValue: 3 });
        bind.contribute(NUMBERS, { useFactory: (resolve) => resolve(size) * 2 });
      },
    },
    { manifest: manifest({ provides: ['numbers.v1'] }) },
  );
  expect(run.contributions(NUMBERS)).toEqual([]);
  await run.start();
  expect(run.contributions(NUMBERS)).toEqual([6]);
});

test('what it contributes is put to work as it becomes active, says what troubles it, and ends first', async () => {
  const order: string[] = [];
  let trouble: Contributed['trouble'] = () => {};
  const { run } = make(
    {
      configure: (bind) => bind.contribute(NUMBERS, { useValue: 7 }),
      activate: (ctx) => void ctx.own(() => void order.push('plugin')),
    },
    {
      manifest: manifest({ provides: ['numbers.v1'] }),
      drive: (contributed) => {
        order.push(`drives ${contributed.to(NUMBERS).join()}`);
        trouble = contributed.trouble;
        return { dispose: () => void order.push('driver') };
      },
    },
  );
  await run.start();
  trouble('a', 'slow');
  trouble('b', 'broken');
  expect([run.state, run.reason]).toEqual(['degraded', 'slow; broken']);
  trouble('a', undefined);
  expect([run.state, run.reason]).toEqual(['degraded', 'broken']);
  trouble('b', undefined);
  expect([run.state, run.reason]).toEqual(['active', undefined]);
  await run.stop();
  trouble('a', 'late');
  expect([run.state, order]).toEqual(['stopped', ['drives 7', 'driver', 'plugin']]);
});

test('a contribution that cannot be driven fails the plugin, and what it owned is released', async () => {
  const { run, states } = make(
    { configure: (bind) => bind.contribute(EVENT_SINK, { useValue: {} as never }), activate: () => {} },
    {
      manifest: manifest({ provides: ['event-sink.v1'] }),
      drive: (contributed) => driveSinks(contributed, {} as never),
    },
  );
  await run.start();
  expect(states.at(-1)).toBe('failed');
  expect(run.reason).toMatch(
    /what is contributed to event-sink.v1 has no "write" \(see @mezzo\/sdk\/points\/event-sink\)/,
  );
});
