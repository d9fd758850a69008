import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { PluginHost } from '@mezzo/kernel/plugin-host/index';
import { describeIf } from '../../support/skip.js';
import { until } from '../../support/poll.js';
import { readProc } from '../../support/proc.js';
import {
  buildSdk,
  find,
  hostOptions,
  makeRegistry,
  MapStore,
  newDir,
  plugin,
  requireNothingLeft,
  type TestPlugin,
} from './support.js';

let dir: string;
let host: PluginHost | undefined;

beforeAll(buildSdk, 120_000);
beforeEach(() => (dir = newDir()));
afterEach(async () => {
  await host?.shutdown({ keepPlugins: false });
  host = undefined;
  requireNothingLeft(dir);
});

const work = (...parts: string[]) => join(dir, 'work', ...parts);

async function start(...plugins: TestPlugin[]): Promise<void> {
  const options = hostOptions(work(), makeRegistry(dir, plugins), new MapStore());
  host = await PluginHost.start({ ...options, supervision: { firstDelayMs: 200, stopGraceMs: 2_000 } });
  await host.setLeading(true);
}

const status = (id: string) => find(host!.statuses(), id);
const inState = (id: string, state: string) =>
  until(`${id} ${state}`, () => status(id).state === state && status(id)).catch((error: Error) => {
    throw new Error(`${error.message}: it is ${JSON.stringify(status(id))}`);
  });

/** Tells what happens when it tries each of these, in the reason of its state. */
const tries = (id: string, ...attempts: string[]): TestPlugin =>
  plugin(
    id,
    `const fs = await import('node:fs'); const { execFileSync } = await import('node:child_process');
     const { stateDir } = ctx.resolve(contract.CLUSTER);
     const told = [];
     for (const attempt of [${attempts.map((code) => `() => { ${code} }`).join(', ')}])
       try { attempt(); told.push('done'); } catch (error) { told.push(error.code ?? error.message); }
     ctx.degraded(told.join(' '));`,
  );

describeIf(
  process.getuid?.() === 0 ? undefined : 'users of their own take root',
  'a plugin in a process of its own',
  () => {
    test('has a user of its own, no capability but one, and cannot get any', async () => {
      await start(plugin('one', ''), plugin('other', ''));
      const [one, other] = [await inState('one', 'active'), await inState('other', 'active')];
      expect([one.isolation, other.isolation]).toEqual(['full', 'full']);
      const field = (pid: number, name: string) =>
        new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(readProc(String(pid), 'status'))?.[1];
      const uids = [one, other].map(({ pid }) => field(pid!, 'Uid')!.split('\t'));
      for (const ids of uids) expect(new Set(ids).size).toBe(1);
      expect(uids.map(([uid]) => Number(uid)).every((uid) => uid >= 80_000)).toBe(true);
      expect(uids[0]).not.toEqual(uids[1]);
      for (const { pid } of [one, other]) {
        // CAP_NET_BIND_SERVICE is the tenth.
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
          expect(field(pid!, set)).toBe('0000000000000400');
        expect(field(pid!, 'NoNewPrivs')).toBe('1');
        expect(field(pid!, 'Groups')?.trim()).toBe('');
      }
    });

    test("writes into its state directory, and reads neither secrets, nor another's files, nor anything else of the work directory", async () => {
      mkdirSync(work('secrets'), { recursive: true });
      await start(
        tries(
          'curious',
          `fs.writeFileSync(stateDir + '/mine', 'x')`,
          `fs.readFileSync(${JSON.stringify(work('secrets', 'cluster.key'))})`,
          `fs.readdirSync(${JSON.stringify(work())})`,
          `fs.writeFileSync('/mnt/package/plugin.js', '')`,
          `fs.writeFileSync('/mnt/run/spec', '')`,
          `fs.readFileSync('/proc/${process.pid}/environ')`,
          `process.setuid(0)`,
          `execFileSync('mount', ['-t', 'tmpfs', 'x', '/mnt/state'], { stdio: 'ignore' })`,
          `process.kill(${process.pid}, 'SIGKILL')`,
        ),
      );
      const { reason } = await inState('curious', 'degraded');
      const [mine, key, dirs, code, spec, environ, ...rest] = reason!.split(' ');
      expect(mine).toBe('done');
      expect([key, dirs, environ]).toEqual(['EACCES', 'EACCES', 'EACCES']);
      expect(code).toMatch(/EROFS|EACCES/);
      expect(spec).toMatch(/EROFS|EACCES/);
      expect(rest.join(' ')).not.toContain('done');
      expect(readFileSync(work('plugins', 'curious', 'state', 'mine'), 'utf8')).toBe('x');
    });

    test('owns again what it wrote before it had a user of its own', async () => {
      mkdirSync(work('plugins', 'old', 'state'), { recursive: true });
      writeFileSync(work('plugins', 'old', 'state', 'kept'), 'before', { mode: 0o600 });
      await start(
        tries('old', `if (fs.readFileSync(stateDir + '/kept', 'utf8') !== 'before') throw new Error('lost')`),
      );
      expect((await inState('old', 'degraded')).reason).toBe('done');
    });

    test('that takes more memory than it may is ended, says so, and leaves its sibling alone', async () => {
      const hog = plugin('hog', `const all = []; setInterval(() => all.push(Buffer.alloc(16 << 20, 1)), 20);`, {
        limits: { memoryMib: 128 },
      });
      await start(hog, plugin('sibling', ''));
      const { pid } = await inState('sibling', 'active');
      await until('the hog to be ended', () => status('hog').reason?.includes('more memory than it may'));
      expect(status('sibling')).toMatchObject({ state: 'active', pid, restarts: 0 });
    });

    test('whose heap leaks comes to an end at its bound', async () => {
      const leak = `const all = []; setInterval(() => { for (let i = 0; i < 1e5; i++) all.push({ i }); }, 5);`;
      await start(plugin('leak', leak, { limits: { memoryMib: 96 } }));
      await until('it to be ended', () => status('leak').restarts > 0, 30_000);
    });

    test('that forks without end is bounded, and nothing that it started outlives it', async () => {
      // A process in a session of its own would survive the end of the plugin's group.
      const forks = `const { spawn } = await import('node:child_process');
      for (let i = 0; i < 900; i++) spawn('sleep', ['4711'], { detached: true, stdio: 'ignore' }).on('error', () => {});`;
      await start(plugin('rabbit', forks));
      const { pid } = await inState('rabbit', 'active');
      const cgroup = readProc(String(pid), 'cgroup')
        .split('\n')
        .find((line) => /:pids:|^0::/.test(line))!
        .split(':')[2]!;
      const dirs = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']
        .map((root) => root + cgroup)
        .filter((path) => existsSync(path));
      const count = () => readFileSync(join(dirs[0]!, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).length;
      expect(count()).toBeGreaterThan(300);
      expect(count()).toBeLessThanOrEqual(512);
      await host!.shutdown({ keepPlugins: false });
      host = undefined;
      expect(existsSync(dirs[0]!)).toBe(false);
    });
  },
);

test('a plugin that announces the names of others is not found under them', async () => {
  const liar = `ctx.own(await ctx.resolve(contract.ENDPOINTS).announce({ name: 'victim', url: 'http://127.0.0.1:1' }));
    ctx.own(await ctx.resolve(contract.ENDPOINTS).announce({ name: 'liar', url: 'http://127.0.0.1:1' }));`;
  await start(plugin('liar', liar, { requires: ['endpoints'] }));
  await inState('liar', 'active');
  await until('its own name', () => host!.endpoints().length > 0);
  expect(host!.endpoints().map(({ name }) => name)).toEqual(['liar']);
});
