import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadFlags, showFlags } from './flags.js';
import { createLog } from './log.js';
import { masterFlags } from './master-flags.js';
import { startMaster } from './master.js';
import { LocalDriver } from './store-driver.js';

let dir: string;
let pkg: string;
const log = createLog({ daemon: 'master', level: 'ERROR', quiet: true });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-driver-'));
  pkg = join(dir, 'pkg');
  mkdirSync(pkg, { mode: 0o755 });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A store of one map, in words that need no SDK: what is said of `open`, `configure` and the rest goes before. */
const STORE = `
  const entries = new Map();
  let [sequence, epoch] = [0, 0];
  const list = (prefix) => [...entries.values()].filter(({ key }) => key.startsWith(prefix));
  const store = {
    get epoch() { return epoch; }, get: (key) => entries.get(key), list, watch: () => () => {},
    snapshot: () => ({ sequence, epoch, entries: list('') }),
    async commit({ writes }) {
      sequence++;
      for (const { key, value } of writes) entries.set(key, { key, value, version: sequence });
      return sequence;
    },
    async startEpoch() { return ++epoch; }, async restore() {}, async close() {},
  };`;

function write(
  code: { before?: string; configure?: string; open?: string; shared?: boolean },
  more: object = {},
): void {
  const { before = '', configure = '', open = 'return store', shared = false } = code;
  const mezzo = {
    ...{
      id: 'mine',
      sdk: '*',
      runsOn: ['master'],
      process: 'kernel',
      entry: 'plugin.mjs',
      provides: ['store-driver.v1'],
    },
    config: { required: ['at'], properties: { at: { type: 'string' } } },
    ...more,
  };
  writeFileSync(join(pkg, 'package.json'), JSON.stringify({ name: 'mine', version: '1.2.3', mezzo }), { mode: 0o644 });
  writeFileSync(
    join(pkg, 'plugin.mjs'),
    `${before}${STORE}
     const point = { id: 'store-driver.v1', token: Symbol.for('mezzo:point/store-driver.v1') };
     const driver = { name: 'mine', shared: ${shared}, async open(options) { ${open} } };
     export default { configure(bind, config) { ${configure}; bind.contribute(point, { useValue: driver }); }, activate() {} };`,
    { mode: 0o644 },
  );
}
const flags = (...argv: string[]) =>
  loadFlags(masterFlags, {
    argv: [`--work_dir=${dir}/work`, '--port=0', '--quiet', `--store_driver=${pkg}`, ...argv],
    env: {},
  });
const AT = '--store_driver_config={"at":"s3cret"}';
const load = (...argv: string[]) => LocalDriver.of(flags(...(argv.length > 0 ? argv : [AT])), join(dir, 'work'), log);

test('a master keeps its state where the driver says, and has it closed after itself', async () => {
  write({ before: `globalThis.closed = 0;`, open: 'store.close = async () => void globalThis.closed++; return store' });
  const master = await startMaster(flags(AT), { log });
  expect(master.epoch).toBe(1);
  await vi.waitFor(() => expect(master.store.list('registry/').length).toBeGreaterThan(0));
  await master.close();
  expect((globalThis as { closed?: number }).closed).toBe(1);
});

test('a commit that is rejected ends the master, as with any store', async () => {
  write({ open: `store.commit = async () => { throw new Error('the disk is gone'); }; return store` });
  let tell: (error: unknown) => void;
  const fatal = new Promise((resolve) => (tell = resolve));
  const master = await startMaster(flags(AT), { log, onFatal: (error) => tell(error) });
  expect(await fatal).toMatchObject({ code: 'PLUGIN_FAILED', message: 'plugin mine: commit: the disk is gone' });
  await master.close();
});

test.each([
  ['load', { before: `throw new Error('boom');` }, 'plugin mine failed to load: boom'],
  ['configure', { configure: `throw new Error('boom')` }, 'boom'],
])('what it throws as it is to %s is told by its name and phase', async (phase, code, message) => {
  write(code);
  const found = await load().catch((error: unknown) => error);
  expect(found).toMatchObject({ code: 'PLUGIN_FAILED', next: expect.stringContaining('correct') as string });
  expect(String(found)).toContain(`--store_driver=${pkg}: plugin mine failed to ${phase}`);
  expect(String(found)).toContain(message);
});

test.each([
  ['throws', `throw new Error('no way in')`, 'PLUGIN_FAILED', 'no way in'],
  [
    'throws what it expects',
    `throw Object.assign(new Error('two of us'), { code: 'STORE_LOCKED', blame: 'operator', next: 'stop it' })`,
    'STORE_LOCKED',
    'two of us',
  ],
  ['answers nothing', 'return undefined', 'STORE_UNAVAILABLE', 'it answers no store'],
])('one that %s as it opens is told by its name', async (_, open, code, words) => {
  write({ open });
  const driver = await load();
  const error: unknown = await driver!.open().catch((one: unknown) => one);
  expect(error).toMatchObject({ code });
  expect(String(error)).toMatch(new RegExp(`store driver mine 1\\.2\\.3 failed to open: .*${words}`));
  await driver!.close();
});

test('its configuration is held to its schema, by the keys, before any of its code runs', async () => {
  write({ before: `throw new Error('boom');` });
  const refusal = { code: 'PLUGIN_CONFIG_INVALID', message: expect.stringContaining('"at" is missing') as string };
  await expect(load('--logging_level=INFO')).rejects.toMatchObject(refusal);
  await expect(load('--store_driver_config={"at":1,"x":2}')).rejects.toThrow(/unknown key "x"; "at" must be string/);
});

test('neither /flags nor a refusal shows the configuration', () => {
  expect(showFlags(masterFlags, flags(AT))).toMatchObject({ store_driver: pkg });
  expect(JSON.stringify(showFlags(masterFlags, flags(AT)))).not.toContain('s3cret');
  expect(() => flags('--store_driver_config={"at":"s3cret"')).toThrow(
    'flag --store_driver_config: it is no JSON object',
  );
});

test.each([false, true])('several masters need one that they share (%s)', async (shared) => {
  write({ shared });
  const loading = load(AT, '--zk=zk://127.0.0.1:1/m');
  if (shared) return (await loading)!.close();
  await expect(loading).rejects.toMatchObject({
    code: 'INVALID_FLAG',
    message: 'store driver mine 1.2.3 is for one master alone, and --zk is for several',
  });
});

test('a package of another kind, or for another SDK, is refused', async () => {
  write({}, { provides: ['authorizer.v1'] });
  await expect(load()).rejects.toThrow('plugin mine does not provide store-driver.v1');
  write({}, { requires: ['store'] });
  await expect(load()).rejects.toMatchObject({ code: 'PLUGIN_MANIFEST_INVALID' });
  write({}, { sdk: '^99' });
  await expect(load()).rejects.toMatchObject({ code: 'PLUGIN_SDK_MISMATCH' });
});

test('a configuration without a driver is a mistake', async () => {
  const given = loadFlags(masterFlags, { argv: [AT], env: {} });
  await expect(LocalDriver.of(given, dir, log)).rejects.toMatchObject({ code: 'INVALID_FLAG' });
});

test('where others can write, nothing is loaded', async () => {
  write({ before: 'globalThis.ran = true;' });
  const refused = (message: string) =>
    expect(load()).rejects.toMatchObject({
      code: 'PLUGIN_NOT_TRUSTED',
      message: expect.stringContaining(message) as string,
    });
  chmodSync(join(pkg, 'plugin.mjs'), 0o664);
  await refused('plugin.mjs can be written by others than its owner (mode 664)');
  chmodSync(join(pkg, 'plugin.mjs'), 0o644);
  chmodSync(dir, 0o777);
  await refused(`${dir} can be written by others`);
  chmodSync(dir, 0o755);
  symlinkSync('/etc/passwd', join(pkg, 'link'));
  await expect(load()).rejects.toThrow('"package/link" is a SymbolicLink');
  expect('ran' in globalThis).toBe(false);
});
