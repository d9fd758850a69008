import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';

const run = promisify(execFile);

interface Task {
  id: string;
  state: string;
  host: string;
  ports: string;
  healthy?: boolean;
}

let cluster: TestCluster;
const tasks = async () => (await cluster.json<Task[]>('task', 'list')).filter(({ state }) => state === 'TASK_RUNNING');
const fetchApp = async (path = '/service/hello/') => {
  const answer = await fetch(cluster.url(8000, path));
  return { status: answer.status, text: await answer.text() };
};
/** The process on this machine that serves a task: its environment names the task. */
async function pidOf(taskId: string): Promise<number> {
  const { stdout } = await run('sh', ['-c', `grep -lsz "^MESOS_TASK_ID=${taskId}$" /proc/[0-9]*/environ || true`]);
  const pids = stdout
    .split('\n')
    .filter(Boolean)
    .map((file) => Number(file.split('/')[2]));
  const servers = pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'node';
    } catch {
      return false;
    }
  });
  expect(servers.length, `a node process of ${taskId} among ${pids.join(',')}`).toBeGreaterThan(0);
  return servers.at(-1)!;
}

beforeAll(async () => {
  cluster = await TestCluster.up(['--sample']);
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
}, 60_000);

test('one command: the sample answers through the router when `up --detach` returns', async () => {
  const { status, text } = await fetchApp();
  expect(status).toBe(200);
  expect(text).toMatch(/^Hello from Mezzo/);
});

test('people are shown what the app runs, where, and how it is', async () => {
  await until('Marathon has checked it', async () => (await tasks())[0]?.healthy === true);
  const [task] = await tasks();
  expect(task!.ports).toMatch(/^\d+$/);
  const { stdout } = await cluster.mezzo(['app', 'show', '/hello']);
  expect(stdout).toMatch(/^state +settled$/m);
  expect(stdout).toMatch(/^instances +1 of 1 running, 1 healthy/m);
  expect(stdout).toMatch(new RegExp(`^${task!.id} .* healthy .* ${task!.ports}$`, 'm'));
});

test('status tells supervisor, masters, agents and plugins, with pids, states and addresses', async () => {
  const status = await cluster.json<
    Record<string, unknown> & { masters: object[]; agents: object[]; plugins: { id: string; state: string }[] }
  >('status');
  expect(status.supervisor).toMatchObject({ pid: expect.any(Number), state: 'ready' });
  expect(status.masters).toEqual([
    expect.objectContaining({
      pid: expect.any(Number),
      state: 'running',
      address: `127.0.0.1:${cluster.port(5050)}`,
      leader: true,
    }),
  ]);
  expect(status.agents).toEqual([
    expect.objectContaining({ pid: expect.any(Number), state: 'running', address: `127.0.0.1:${cluster.port(5051)}` }),
  ]);
  const states = Object.fromEntries(status.plugins.map(({ id, state }) => [id, state]));
  expect(states).toMatchObject({
    dns: 'active',
    marathon: 'active',
    router: 'active',
    'containerizer-mesos': 'active',
  });
  expect(['active', 'skipped']).toContain(states['containerizer-docker']);
});

test('a second `up` in the same work directory is refused, and says by whom', async () => {
  const { code, stdout, stderr } = await cluster.start();
  expect(code).not.toBe(0);
  expect(stdout + stderr).toMatch(/is up already \(supervisor pid \d+/);
});

test.skipIf(!existsSync('/usr/bin/dig'))('dig finds the task by SRV and A, over UDP and TCP', async () => {
  const dig = async (...args: string[]) =>
    (
      await run('dig', ['@127.0.0.1', '-p', String(cluster.port(8053)), '+short', '+tries=1', '+time=3', ...args])
    ).stdout.trim();
  const [task] = await tasks();
  const port = /\d+/.exec(task!.ports)![0];
  const srv = await until('the SRV record', async () => (await dig('SRV', '_hello._tcp.marathon.mesos')) || undefined);
  expect(srv).toMatch(new RegExp(`^0 1 ${port} hello-.*\\.mesos\\.$`));
  expect(await dig('A', 'hello.marathon.mesos')).toBe('127.0.0.1');
  expect(await dig('+tcp', 'A', 'hello.marathon.mesos')).toBe('127.0.0.1');
  expect(await dig('A', 'leader.mesos')).toBe('127.0.0.1');
});

test('the output of a task is read with `task log`', async () => {
  const { code, stdout, stderr } = await cluster.mezzo(['task', 'log', 'hello']);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/serving on port \d+/);
  expect(code).toBe(0);
});

test('an instance that is killed inside is replaced, and dns and router follow', async () => {
  const [before] = await tasks();
  process.kill(await pidOf(before!.id), 'SIGKILL');
  const after = await until('a replacement', async () => (await tasks()).find(({ id }) => id !== before!.id), 30_000);
  const { text } = await until('the replacement to answer', async () => {
    const answer = await fetchApp();
    return answer.status === 200 && answer.text.includes(after.id) && answer;
  });
  expect(text).toContain(after.id);
});

test('it scales to ten and back; every instance is reached through the router', async () => {
  expect((await cluster.mezzo(['app', 'scale', '/hello', '10'])).code).toBe(0);
  const ten = await tasks();
  expect(ten.length).toBe(10);
  const seen = new Set<string>();
  await until('all ten to answer', async () => {
    seen.add((await fetchApp()).text.split(' ')[3]!);
    return seen.size === 10;
  });
  expect((await cluster.mezzo(['app', 'scale', '/hello', '1'])).code).toBe(0);
  await until('one to be left', async () => (await tasks()).length === 1);
  expect((await fetchApp()).status).toBe(200);
});

test('a restart replaces the instance without a failed request', async () => {
  const [before] = await tasks();
  const failures: string[] = [];
  let going = true;
  const client = (async () => {
    while (going) {
      const { status, text } = await fetchApp();
      if (status !== 200) failures.push(`${status} ${text.slice(0, 200)}`);
    }
  })();
  const { code, stdout, stderr } = await cluster.mezzo(['app', 'restart', '/hello']);
  going = false;
  await client;
  expect(code, stdout + stderr).toBe(0);
  expect((await tasks()).map(({ id }) => id)).not.toContain(before!.id);
  expect(failures).toEqual([]);
});

test('down ends the tasks and keeps the definitions; the next up runs the app again', async () => {
  const pid = await pidOf((await tasks())[0]!.id);
  expect((await cluster.mezzo(['down'])).code).toBe(0);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect((await cluster.mezzo(['status'])).stderr).toMatch(/no cluster runs/);
  const { code, stdout, stderr } = await cluster.start();
  expect(code, stdout + stderr).toBe(0);
  await until('the app to answer again', async () => (await fetchApp()).status === 200, 30_000);
});

test('a removed app is gone: no task, no route, no name', async () => {
  expect((await cluster.mezzo(['app', 'remove', '/hello'])).code).toBe(0);
  expect(await tasks()).toEqual([]);
  await until('the route to go', async () => (await fetchApp()).status !== 200);
  expect(await cluster.json('app', 'list')).toEqual([]);
});
