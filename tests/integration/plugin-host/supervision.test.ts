import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PluginHost, type PluginHostOptions } from '@mezzo/kernel/plugin-host/index';
import { until } from '../../support/poll.js';
import {
  buildSdk,
  find,
  hello,
  hostOptions,
  makeRegistry,
  MapStore,
  newDir,
  overSocket,
  plugin,
  requireNothingLeft,
  type TestPlugin,
} from './support.js';

let dir: string;
let host: PluginHost | undefined;
let store: MapStore;

beforeAll(buildSdk, 120_000);
beforeEach(() => {
  dir = newDir();
  store = new MapStore();
});
afterEach(async () => {
  await host?.shutdown({ keepPlugins: false });
  host = undefined;
  requireNothingLeft(dir);
});

async function startHost(plugins: readonly TestPlugin[], more: Partial<PluginHostOptions> = {}): Promise<PluginHost> {
  const registry = makeRegistry(dir, plugins);
  return (host = await PluginHost.start({ ...hostOptions(join(dir, 'work'), registry, store), ...more }));
}

const status = (id: string) => find(host!.statuses(), id);
const inState = (id: string, state: string, timeoutMs?: number) =>
  until(`${id} ${state}`, () => status(id).state === state && status(id), timeoutMs).catch((error: Error) => {
    throw new Error(`${error.message}: it is ${JSON.stringify(status(id))}`);
  });
const pidOf = (id: string) => status(id).pid!;

describe('a plugin in a process of its own', () => {
  test('serves, stores, measures, is found by the others, and stops without a trace', async () => {
    await startHost([
      hello(),
      plugin(
        'seeker',
        `const endpoints = ctx.resolve(contract.ENDPOINTS);
         const store = ctx.resolve(contract.STORE);
         ctx.own(endpoints.watch((all) => void store.commit([{ op: 'put', key: 'seen', value: JSON.stringify(all) }])));`,
        { requires: ['endpoints', 'store'] },
      ),
    ]);
    const { endpoints } = await inState('hello', 'active');
    const url = endpoints['hello']!;
    expect(host!.endpoints()).toEqual([{ name: 'hello', url }]);
    expect(await (await fetch(url)).text()).toBe('Hello from test, for the 1. time\n');
    expect(await (await fetch(url)).text()).toBe('Hello from test, for the 2. time\n');
    expect(store.get('plugins/hello/greetings')?.value).toBe('2');
    expect(await host!.metrics('hello')).toMatch(/^hello_greetings_total 2$/m);
    const seen = () => store.get('plugins/seeker/seen')?.value;
    await until('the other plugin sees it', () => seen() === JSON.stringify([{ name: 'hello', url }]));
    const pid = pidOf('hello');
    await host!.stopPlugins();
    expect(status('hello')).toMatchObject({ state: 'stopped', endpoints: {} });
    expect(() => process.kill(pid, 0)).toThrow();
  });

  test('killed with -9 it is back within 2 seconds, and its siblings keep their processes', async () => {
    await startHost([hello(), plugin('sibling', '')]);
    await inState('hello', 'active');
    await inState('sibling', 'active');
    const [pid, sibling] = [pidOf('hello'), pidOf('sibling')];
    process.kill(pid, 'SIGKILL');
    await until('its end is noticed at once', () => host!.endpoints().length === 0, 500, 5);
    await until('hello is back', () => status('hello').state === 'active' && pidOf('hello') !== pid, 2_000);
    expect(status('hello').restarts).toBe(1);
    expect((await fetch(status('hello').endpoints['hello']!)).status).toBe(200);
    expect(pidOf('sibling')).toBe(sibling);
  });

  test('one that crashes again and again is tried less and less often, and its last words are shown', async () => {
    await startHost(
      [plugin('looper', `setTimeout(() => { throw new Error('cannot go on'); }, 20);`), plugin('sibling', '')],
      {
        supervision: { firstDelayMs: 200, maxDelayMs: 60_000 },
      },
    );
    const failed = await inState('looper', 'failed', 20_000);
    expect(failed.reason).toMatch(/exited with status 1.*cannot go on.*\(3 times in a row\); restarting in 0\.4 s/);
    await until(
      'longer pauses',
      () => /\(5 times in a row\); restarting in 1\.6 s/.test(status('looper').reason ?? ''),
      20_000,
    );
    expect(status('looper').restarts).toBe(5);
    expect(status('sibling').state).toBe('active');
  });

  test('one that fails to activate says why; one that is not for this machine rests', async () => {
    await startHost([
      plugin('broken', `throw new Error('no luck')`),
      plugin('absent', `throw skipped('no such device')`),
      plugin('thief', `ctx.resolve(contract.STORE)`),
    ]);
    expect((await inState('absent', 'skipped')).reason).toBe('no such device');
    await until('a reason', () => status('broken').reason?.includes('failed to activate: no luck'));
    await until('a reason', () => status('thief').reason?.includes('add "store" to "requires"'));
    expect(status('absent').restarts).toBe(0);
  });

  test('one that does not stop is ended by force', async () => {
    await startHost([plugin('stubborn', `ctx.own(() => new Promise(() => {}));`)], {
      supervision: { stopGraceMs: 300 },
    });
    const { pid } = await inState('stubborn', 'active');
    await host!.stopPlugins();
    expect(status('stubborn').state).toBe('stopped');
    expect(() => process.kill(pid!, 0)).toThrow();
  });

  test('one that floods its log and its host fills no disk and holds nobody up', { timeout: 60_000 }, async () => {
    await startHost([
      plugin(
        'flood',
        `const { writeSync } = await import('node:fs');
         const line = 'x'.repeat(1 << 20) + '\\n';
         let i = 0;
         const flood = () => {
           for (let n = 0; n < 50; n++) ctx.degraded('trouble ' + i++);
           writeSync(1, line);
           setImmediate(flood);
         };
         setImmediate(flood);`,
      ),
      hello(),
    ]);
    await inState('hello', 'active');
    let changes = 0;
    host!.onChange(() => changes++);
    const lags = monitorEventLoopDelay({ resolution: 5 });
    lags.enable();
    const log = join(dir, 'work/logs/flood.log');
    const until3s = performance.now() + 3_000;
    while (performance.now() < until3s) {
      expect((await fetch(status('hello').endpoints['hello']!)).status).toBe(200);
      await sleep(20);
    }
    lags.disable();
    expect(changes).toBeLessThan(80);
    expect(lags.percentile(99) / 1e6).toBeLessThan(200);
    await host!.stopPlugins();
    await until('its log is cut', () => statSync(log).size <= 16 << 20);
    expect(statSync(`${log}.1`).size).toBeLessThanOrEqual(16 << 20);
  });

  test('one of the leader runs only where the master leads', async () => {
    await startHost([plugin('only-leader', '', { placement: 'leader' })]);
    expect(status('only-leader').state).toBe('discovered');
    await host!.setLeading(true);
    const { pid } = await inState('only-leader', 'active');
    await host!.setLeading(false);
    expect(status('only-leader')).toMatchObject({ state: 'stopped', reason: 'runs on the leading master' });
    expect(() => process.kill(pid!, 0)).toThrow();
    await host!.setLeading(true);
    await inState('only-leader', 'active');
  });

  test('its configuration is checked before it is started', async () => {
    await startHost([hello()], { config: { hello: { greting: 'Hi' } } });
    expect(status('hello')).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('unknown key "greting"'),
    });
    expect(status('hello').pid).toBeUndefined();
  });

  test('an error of its own making in the log does not hide: the log is a file of its own', async () => {
    await startHost([plugin('chatty', `ctx.log.info('good morning', { weather: 'fair' })`)]);
    await inState('chatty', 'active');
    expect(readFileSync(join(dir, 'work', 'logs', 'chatty.log'), 'utf8')).toMatch(
      /"plugin":"chatty".*"weather":"fair"/,
    );
  });
});

describe('the plugin API', () => {
  const apiSocket = () => join(dir, 'work', 'run', 'api', 'kernel.sock');
  const token = (id: string) => readFileSync(join(dir, 'work', 'run', 'plugins', id, 'files', 'token'), 'utf8');

  test('lets nobody in without the token, and each plugin into its own part of the store only', async () => {
    await startHost([hello(), plugin('poor', '')]);
    store.map.set('kernel/secret', { key: 'kernel/secret', value: 'x', version: 1 });
    const entry = (key: string, as: string) =>
      overSocket(apiSocket(), `/plugin/v1/store/entry?key=${encodeURIComponent(key)}`, as);
    expect(await entry('a', 'guess')).toMatchObject({ status: 401, json: { code: 'TOKEN_INVALID' } });
    expect(await entry('../../kernel/secret', token('hello'))).toEqual({ status: 200, json: {} });
    expect(await entry('a', token('poor'))).toMatchObject({ status: 403, json: { code: 'PLUGIN_NOT_DECLARED' } });
    const commit = (writes: unknown) => overSocket(apiSocket(), '/plugin/v1/store/commit', token('hello'), { writes });
    expect(await commit([{ op: 'put', key: 'k', value: 'v' }])).toEqual({ status: 200, json: { version: 1 } });
    for (const wrong of [
      'x',
      [{ op: 'put', key: '', value: 'v' }],
      [{ op: 'put', key: 'k' }],
      [{ op: 'drop', key: 'k' }],
      [{ op: 'put', key: 'k'.repeat(600), value: 'v' }],
      [{ op: 'put', key: 'k', value: 'v'.repeat(17 * 1024 * 1024) }],
    ])
      expect(await commit(wrong)).toMatchObject({ status: 422, json: { code: 'STORE_REQUEST_INVALID' } });
    store.available = false;
    expect(await commit([{ op: 'delete', key: 'k' }])).toMatchObject({ status: 503, json: { retryable: true } });
  });

  test('a plugin reads and writes text of any kind', async () => {
    await startHost([
      plugin(
        'scribe',
        `const store = ctx.resolve(contract.STORE);
         await store.commit([{ op: 'put', key: 'a/ö &=?', value: '\\u2028 ü' }, { op: 'put', key: 'a/b', value: '' }]);
         await store.commit([{ op: 'delete', key: 'a/b' }]);
         const all = await store.list('a/');
         const none = await store.get('a/b');
         await store.commit([{ op: 'put', key: 'result', value: JSON.stringify([all, none ?? 'none']) }]);`,
        { requires: ['store'] },
      ),
    ]);
    await inState('scribe', 'active');
    expect(JSON.parse(store.get('plugins/scribe/result')!.value)).toEqual([
      [{ key: 'a/ö &=?', value: '\u2028 ü', version: 1 }],
      'none',
    ]);
  });
});
