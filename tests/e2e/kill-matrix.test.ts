import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { isRunning, pids, readProc, startTime } from '../support/proc.js';
import { root } from '../tidy/sources.js';

interface Status {
  masters: { pid?: number; state: string }[];
  agents: { pid?: number; state: string }[];
  plugins: { id: string; pid?: number; state: string }[];
}
interface Task {
  id: string;
  state: string;
}

let cluster: TestCluster;
const status = () => cluster.json<Status>('status');
const tasks = async () =>
  (await cluster.json<Task[]>('task', 'list'))
    .filter(({ state }) => state === 'TASK_RUNNING')
    .map(({ id }) => id)
    .sort();

/** Start times of the processes that serve the app: a task that was touched would show another. */
function serving(): string[] {
  return pids()
    .filter((pid) => {
      const environment = readProc(pid, 'environ');
      return ['MESOS_SANDBOX', cluster.workDir, 'MARATHON_APP_ID=/hello'].every((text) => environment.includes(text));
    })
    .flatMap((pid) => {
      const start = startTime(pid);
      return start === undefined ? [] : [`${pid}@${start}`];
    })
    .sort();
}

beforeAll(async () => {
  cluster = await TestCluster.up([`--deploy=${join(root, 'examples/hello.json')}`]);
  expect((await cluster.mezzo(['app', 'scale', '/hello', '3'])).code).toBe(0);
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
}, 60_000);

const victims: Record<string, (now: Status) => number | undefined> = {
  agent: ({ agents }) => agents[0]?.pid,
  master: ({ masters }) => masters[0]?.pid,
  marathon: ({ plugins }) => plugins.find(({ id }) => id === 'marathon')?.pid,
  dns: ({ plugins }) => plugins.find(({ id }) => id === 'dns')?.pid,
  router: ({ plugins }) => plugins.find(({ id }) => id === 'router')?.pid,
};

test.each(Object.keys(victims))('kill -9 of the %s: it is back within seconds, and no task notices', async (who) => {
  const before = await status();
  const taskIds = await tasks();
  const processes = serving();
  expect(taskIds.length).toBe(3);
  expect(processes.length).toBeGreaterThanOrEqual(3);
  const pid = victims[who]!(before)!;
  // The app is fetched and asked for by name all the while: only a dead router or dns may refuse, and only while it is dead.
  let going = true;
  const failures: string[] = [];
  const resolver = new Resolver({ timeout: 5000, tries: 1 });
  resolver.setServers([`127.0.0.1:${cluster.port(8053)}`]);
  const allTheWhile = async (ask: () => Promise<string | undefined>) => {
    while (going) {
      const failure = await ask();
      if (failure !== undefined) failures.push(failure);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const asker = allTheWhile(() =>
    resolver
      .resolve4('hello.marathon.mesos')
      .then((addresses) => (addresses.length > 0 ? undefined : 'no address'))
      .catch((error: Error) => (who === 'dns' ? undefined : error.message)),
  );
  const client = allTheWhile(() =>
    fetch(cluster.url(8000, '/service/hello/'), { signal: AbortSignal.timeout(5000) })
      .then(async (answer) =>
        answer.status === 200 ? void (await answer.arrayBuffer()) : `${answer.status} ${await answer.text()}`,
      )
      .catch((error: Error) => (who === 'router' ? undefined : `${error.message} ${String(error.cause)}`)),
  );
  process.kill(pid, 'SIGKILL');
  const killedAt = Date.now();
  const back = await until(`the ${who} to be back`, async () => {
    const now = await status();
    const next = victims[who]!(now);
    const well =
      now.masters.every(({ state }) => state === 'running') && now.agents.every(({ state }) => state === 'running');
    return (
      next !== undefined &&
      next !== pid &&
      well &&
      now.plugins.every(({ state }) => ['active', 'skipped'].includes(state)) &&
      now.plugins.length === before.plugins.length &&
      now
    );
  });
  expect(Date.now() - killedAt).toBeLessThan(15_000);
  await until('all tasks to be known again', async () => (await tasks()).length === 3);
  await until('the app to answer', async () => (await fetch(cluster.url(8000, '/service/hello/'))).status === 200);
  going = false;
  await Promise.all([client, asker]);
  expect(failures).toEqual([]);
  expect(await tasks()).toEqual(taskIds);
  expect(serving()).toEqual(processes);
  // Nobody else was touched.
  for (const [name, pick] of Object.entries(victims))
    if (name !== who) expect([name, pick(back)]).toEqual([name, pick(before)]);
  expect(isRunning(pid)).toBe(false);
});

test('the supervisor dies: the rest runs on, and the next up adopts it', async () => {
  const before = await status();
  const record = JSON.parse(readFileSync(join(cluster.workDir, 'run', 'supervisor.json'), 'utf8')) as { pid: number };
  process.kill(record.pid, 'SIGKILL');
  await until('the supervisor to be gone', () => !isRunning(record.pid));
  expect((await fetch(cluster.url(8000, '/service/hello/'))).status).toBe(200);
  const { code, stdout, stderr } = await cluster.start();
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/master runs already, adopted/);
  const after = await status();
  for (const pick of Object.values(victims)) expect(pick(after)).toBe(pick(before));
});

test('down ends everything even when supervisor and master died first: no process is left', async () => {
  const now = await status();
  const record = JSON.parse(readFileSync(join(cluster.workDir, 'run', 'supervisor.json'), 'utf8')) as { pid: number };
  process.kill(record.pid, 'SIGKILL');
  process.kill(now.masters[0]!.pid!, 'SIGKILL');
  expect((await cluster.mezzo(['down'])).code).toBe(0);
  const daemons = [...now.agents, ...now.plugins].flatMap(({ pid }) => pid ?? []);
  for (const pid of daemons) expect([pid, isRunning(pid)]).toEqual([pid, false]);
  await until('the tasks to end', () => serving().length === 0);
});
