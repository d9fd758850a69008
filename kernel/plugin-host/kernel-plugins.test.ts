import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extensionPoint, type ClusterInfo, type Logger, type PluginManifest } from '@mezzo/sdk/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KernelPlugins, type KernelPlugin } from './kernel-plugins.js';
import { noStore } from './plugin-store.js';

interface Greeter {
  readonly name: string;
  greet(whom: string): Promise<string>;
  block(): void;
}
const GREETER = extensionPoint<Greeter>('greeter.v1');

let dir: string;
let warnings: string[];
let plugins: KernelPlugins;
const log: Logger = {
  debug() {},
  info() {},
  warn: (message) => void warnings.push(message),
  error() {},
  child: () => log,
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-kernel-plugins-'));
  warnings = [];
  plugins = new KernelPlugins(noStore, log, { activateMs: 200 }, [
    { flag: '--greeter=chosen', point: GREETER.id, name: 'chosen' },
  ]);
});
afterEach(async () => {
  await plugins.stop();
  rmSync(dir, { recursive: true });
});

/** Needs no SDK: ids and tokens cross by Symbol.for. */
function made(id: string, configure: string, activate = '', more: Partial<PluginManifest> = {}): KernelPlugin {
  const entry = `${id}.mjs`;
  writeFileSync(
    join(dir, entry),
    `const point = { id: 'greeter.v1', token: Symbol.for('mezzo:point/greeter.v1') };
     export default { configure(bind) { ${configure} }, async activate(ctx) { ${activate} } };`,
  );
  const manifest = {
    id,
    entry,
    version: '1.0.0',
    config: {},
    requires: [],
    uses: [],
    provides: ['greeter.v1'],
    ...more,
  };
  return {
    manifest: manifest as unknown as PluginManifest,
    integrity: 'x',
    dir,
    config: {},
    given: '',
    cluster: {} as ClusterInfo,
  };
}

const greeter = (name: string, greet = "return 'hello ' + whom") =>
  `bind.contribute(point, { useValue: { name: '${name}', async greet(whom) { ${greet} },
     block() { const end = Date.now() + 300; while (Date.now() < end); } } });`;

test('contributions are called as they are, in the order of their plugins', async () => {
  await plugins.start([made('b', greeter('second')), made('a', greeter('first'))]);
  const [first, second] = plugins.contributions(GREETER);
  expect([first!.name, second!.name]).toEqual(['first', 'second']);
  expect(await first!.greet('you')).toBe('hello you');
  expect(plugins.contributions(GREETER)[0]).toBe(first);
});

test('of those that bring what a flag of the daemon names it is said that they are needed', async () => {
  await plugins.start([made('a', greeter('chosen')), made('b', greeter('other'))]);
  expect(plugins.statuses().map(({ id, needed }) => [id, needed])).toEqual([
    ['a', '--greeter=chosen'],
    ['b', undefined],
  ]);
});

test('what a contribution throws is blamed on its plugin, expected failures keep their code', async () => {
  await plugins.start([
    made('a', greeter('careless', `null.x`)),
    made('b', greeter('careful', `throw Object.assign(new Error('no'), { code: 'NO', blame: 'user' })`)),
  ]);
  const [careless, careful] = plugins.contributions(GREETER);
  await expect(careless!.greet('you')).rejects.toMatchObject({
    code: 'PLUGIN_FAILED',
    blame: 'plugin',
    message: expect.stringMatching(/plugin a: greet/),
  });
  await expect(careful!.greet('you')).rejects.toMatchObject({ code: 'NO', blame: 'user' });
});

test('a call that blocks the daemon is named', async () => {
  await plugins.start([made('a', greeter('slow'))]);
  plugins.contributions(GREETER)[0]!.block();
  expect(warnings).toEqual([expect.stringMatching(/plugin blocked the daemon for \d+ ms/)]);
});

test('one that fails in any way harms no sibling and contributes nothing', async () => {
  await plugins.start([
    made('hangs', greeter('hangs'), 'await new Promise(() => {})'),
    made('throws', greeter('throws'), `throw new Error('no')`),
    made('undeclared', greeter('undeclared'), '', { provides: [] }),
    made('lonely', greeter('lonely'), '', { requires: ['missing.v1'] }),
    made('works', greeter('works')),
  ]);
  const states = Object.fromEntries(plugins.statuses().map(({ id, state, reason }) => [id, [state, reason]]));
  expect(states).toEqual({
    hangs: ['failed', expect.stringContaining('activation took longer than 200 ms')],
    throws: ['failed', expect.stringContaining('failed to activate: no')],
    undeclared: ['failed', expect.stringContaining('add "greeter.v1" to "provides"')],
    lonely: ['failed', 'requires "missing.v1", which no plugin here provides'],
    works: ['active', undefined],
  });
  expect(plugins.contributions(GREETER).map(({ name }) => name)).toEqual(['works']);
});

test.each(['requires', 'uses'])('a plugin takes what others contribute to a point of its "%s"', async (key) => {
  await plugins.start([
    made('user', '', `ctx.own(() => {}); globalThis.seen = await ctx.contributions(point)[0].greet('from a')`, {
      provides: [],
      [key]: ['greeter.v1'],
    }),
    made('z-provider', greeter('provider')),
  ]);
  expect((globalThis as { seen?: string }).seen).toBe('hello from a');
});
