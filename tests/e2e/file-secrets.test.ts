import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { pids, readProc } from '../support/proc.js';
import { root } from '../tidy/sources.js';

const example = join(root, 'examples/file-secrets');
const VALUE = `hunter2-${process.pid}-${Date.now()}`;

let cluster: TestCluster;
let dir: string;

interface Status {
  readonly agents: readonly { readonly pid: number; readonly state: string }[];
}

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}
const appFile = (id: string, seconds: number, source: string): string => {
  const file = join(dir, `${id}.json`);
  const secrets = { pw: { source } };
  const app = { id: `/${id}`, cmd: `exec sleep ${cluster.offset}${seconds}`, cpus: 0.1, mem: 32, secrets };
  writeFileSync(file, JSON.stringify({ ...app, env: { DB: { secret: 'pw' } } }));
  return file;
};
const running = (seconds: number) =>
  pids().filter((pid) => readProc(pid, 'cmdline').startsWith(`sleep\0${cluster.offset}${seconds}\0`));
const read = (path: string) => {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
};

/** Where the value can be read: files of the cluster, argument lists, and what is answered to administrators. */
async function places(): Promise<string[]> {
  const entries = readdirSync(cluster.workDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ path, name }) => join(path, name));
  const lists = pids().map((pid) => `/proc/${pid}/cmdline`);
  const urls = [
    ...[cluster.url(5050, '/state'), cluster.url(5051, '/state'), cluster.url(5051, '/containers')],
    ...[
      cluster.url(5051, '/flags'),
      cluster.url(8000, '/service/marathon/v2/apps'),
      cluster.url(8000, '/service/marathon/v2/tasks'),
    ],
  ];
  const token = (await mezzo('auth', 'token')).trim();
  const answers = await Promise.all(
    urls.map(async (url) => {
      const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      expect(answer.status, url).toBe(200);
      return (await answer.text()).includes(VALUE) ? [url] : [];
    }),
  );
  expect(files.length).toBeGreaterThan(20);
  return [...[...files, ...lists].filter((path) => read(path).includes(VALUE)), ...answers.flat()];
}

describe('examples/file-secrets', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'mezzo-file-secrets-'));
    const directory = join(dir, 'secrets');
    mkdirSync(join(directory, 'db'), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, 'db/password'), `${VALUE}\n`, { mode: 0o600 });
    const config = join(dir, 'plugins.json');
    writeFileSync(config, JSON.stringify({ 'file-secrets': { directory } }));
    cluster = await TestCluster.up([], { MEZZO_SECRET_RESOLVER: 'file-secrets', MEZZO_PLUGIN_CONFIG: config });
  }, 120_000);
  afterAll(async () => {
    await cluster?.destroy();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  test('its own tests pass', async () => {
    expect(await mezzo('plugin', 'test', example)).toMatch(/pass [1-9]/);
  }, 60_000);

  test('without it the agent says so, and without the feature Marathon takes no secrets', async () => {
    const log = readFileSync(join(cluster.workDir, 'logs/agent-0/mezzo-agent.log'), 'utf8');
    expect(log).toContain('no plugin brings the secret store file-secrets');
    const { code, stdout, stderr } = await cluster.mezzo(['app', 'add', appFile('early', 11, 'db/password')]);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('Feature secrets is not enabled');
  }, 60_000);

  test('installed by its tarball, it gives a task its secret, which is seen nowhere else', async () => {
    await mezzo('plugin', 'config', 'marathon', 'features=["secrets"]');
    await mezzo('plugin', 'pack', example, '--out', join(dir, 'file-secrets.tgz'));
    await mezzo('plugin', 'install', join(dir, 'file-secrets.tgz'), '--yes', '--allow-unsigned');
    await mezzo('app', 'add', appFile('web', 22, 'db/password'));
    const [task] = await until('a task', () => running(22).length === 1 && running(22), 60_000);
    expect(readProc(task!, 'environ').split('\0')).toContain(`DB=${VALUE}`);
    expect(await places()).toEqual([]);
  }, 180_000);

  test('the task runs on when its agent is killed, and what the next one writes has no value either', async () => {
    const before = running(22);
    const [agent] = (await cluster.json<Status>('status')).agents;
    process.kill(agent!.pid, 'SIGKILL');
    await until(
      'another agent that is registered',
      async () => {
        const [next] = (await cluster.json<Status>('status')).agents;
        const { slaves } = (await (await fetch(cluster.url(5050, '/slaves'))).json()) as {
          slaves: { active: boolean }[];
        };
        return next !== undefined && next.pid !== agent!.pid && next.state === 'running' && slaves[0]?.active;
      },
      60_000,
    );
    expect(running(22)).toEqual(before);
    expect(await places()).toEqual([]);
  }, 120_000);

  test('a secret that is not there, or that others can read, fails the task in words', async () => {
    const failure = (id: string, words: RegExp) =>
      until(
        words.source,
        async () => words.exec((await cluster.mezzo(['app', 'show', `/${id}`, '--json'])).stdout)?.[0],
        60_000,
      );
    await mezzo('app', 'add', appFile('missing', 33, 'db/none'), '--no-wait');
    await failure('missing', /Secret \\"db\/none\\" \(environment variable \\"DB\\"\): SECRET_NOT_FOUND/);
    chmodSync(join(dir, 'secrets/db/password'), 0o644);
    await mezzo('app', 'add', appFile('open', 44, 'db/password'), '--no-wait');
    await failure('open', /Secret \\"db\/password\\" \(environment variable \\"DB\\"\): SECRET_DENIED/);
    expect([...running(33), ...running(44)]).toEqual([]);
    expect(await places()).toEqual([]);
  }, 120_000);
});
