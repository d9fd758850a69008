import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeOffsets } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';
import { ZookeeperServer, zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';
import { root } from '../tidy/sources.js';

const NAMES = ['a', 'b', 'c'] as const;
const APP = { id: '/ha', cmd: 'exec sleep 1000', cpus: 0.1, mem: 16, instances: 2 };
const ELECTED_MS = 30_000;

interface Node {
  readonly offset: number;
  child: ChildProcess;
}

/** They run on when their master ends. */
function endPlugins(dir: string): void {
  for (const file of readdirSync(dir).filter((name) => name.endsWith('.json')))
    try {
      process.kill((JSON.parse(readFileSync(join(dir, file), 'utf8')) as { pid: number }).pid);
    } catch {
      // ended already
    }
}

/** As operators run it: three masters and an agent as processes, on a real ZooKeeper, with Marathon on whoever leads. */
describeIf(zookeeperServerMissing() ?? (await zookeeperClientMissing()), 'three masters as processes', () => {
  const home = mkdtempSync(join(tmpdir(), 'mezzo-three-'));
  const nodes = new Map<string, Node>();
  let zookeeper: ZookeeperServer;

  function run(name: string, offset: number, daemon: 'master' | 'agent', ...args: string[]): ChildProcess {
    const argv = [daemon, `--work-dir=${join(home, name)}`, '--hostname=localhost', `--port-offset=${offset}`];
    const common = ['--zk-session-timeout=5secs', `--log-dir=${join(home, name, 'logs')}`, '--quiet', ...args];
    const child = spawn(process.execPath, [join(root, 'cli/bin/mezzo.js'), ...argv, ...common], { stdio: 'inherit' });
    nodes.set(name, { offset, child });
    return child;
  }
  const master = (name: string, offset: number) =>
    run(name, offset, 'master', `--port=${5050 + offset}`, `--zk=zk://ann:secret@${zookeeper.hostPort}/mesos`);
  const url = (name: string, port: number, path: string): string =>
    `http://127.0.0.1:${port + nodes.get(name)!.offset}${path}`;
  const read = async <T>(at: string, init?: RequestInit): Promise<T | undefined> => {
    const answer = await fetch(at, { redirect: 'manual', signal: AbortSignal.timeout(3_000), ...init }).catch(
      () => undefined,
    );
    return answer?.ok ? ((await answer.json()) as T) : undefined;
  };
  const leader = async (): Promise<string | undefined> => {
    for (const name of NAMES) if (await read(url(name, 5050, '/state-summary'))) return name;
    return undefined;
  };
  const leads = (...others: string[]) =>
    until(
      'somebody leads',
      async () => {
        const name = await leader();
        return name !== undefined && !others.includes(name) && name;
      },
      ELECTED_MS,
    );
  /** Ids of the app's tasks, once Marathon on that master says that all run. */
  const running = (name: string) =>
    until(
      'the app runs',
      async () => {
        const app = await read<{ app: { tasksRunning: number; tasks: { id: string }[] } }>(
          url(name, 8080, '/v2/apps//ha'),
        );
        return app?.app.tasksRunning === 2 && app.app.tasks.map(({ id }) => id).sort();
      },
      ELECTED_MS,
    );
  const pidOf = (name: string): number =>
    Number(/"pid":(\d+)/.exec(readFileSync(join(home, name, 'logs/mezzo-master.log'), 'utf8'))![1]);

  beforeAll(async () => {
    zookeeper = await ZookeeperServer.start();
    const offsets = await freeOffsets(NAMES.length + 1);
    for (const [index, name] of NAMES.entries()) {
      if (index > 0) cpSync(join(home, 'a/secrets'), join(home, name, 'secrets'), { recursive: true });
      master(name, offsets[index]!);
      await until('it serves', () => read(url(name, 5050, '/version')), ELECTED_MS);
    }
    mkdirSync(join(home, 'agent'));
    cpSync(join(home, 'a/secrets/join.token'), join(home, 'agent/join.token'));
    const offset = offsets.at(-1)!;
    run(
      'agent',
      offset,
      'agent',
      `--port=${5051 + offset}`,
      `--master=zk://${zookeeper.hostPort}/mesos`,
      '--resources=cpus:2;mem:512',
    );
  }, 120_000);

  test('apps and their tasks outlive one leader after the other, killed, stopped for a while, and told to end', async () => {
    // While all of them start, a busy machine may see more than one election.
    let first = await leads();
    await until(
      'the app is taken',
      async () => {
        first = (await leader()) ?? first;
        return read(url(first, 8080, '/v2/apps'), { method: 'POST', body: JSON.stringify(APP) });
      },
      ELECTED_MS,
    );
    const tasks = await running(first);

    process.kill(pidOf(first), 'SIGKILL');
    const second = await leads(first);
    expect(await running(second)).toEqual(tasks);

    const stopped = pidOf(second);
    process.kill(stopped, 'SIGSTOP');
    const third = await leads(first, second);
    expect(await running(third)).toEqual(tasks);
    process.kill(stopped, 'SIGCONT');
    await until('it ends, since it may lead no more', () => nodes.get(second)!.child.exitCode === 1, ELECTED_MS);

    master(first, nodes.get(first)!.offset);
    await until(
      'it follows',
      async () =>
        (await fetch(url(first, 5050, '/state'), { redirect: 'manual' }).catch(() => undefined))?.status === 307,
      ELECTED_MS,
    );
    const beganMs = performance.now();
    nodes.get(third)!.child.kill('SIGTERM');
    expect(await leads(third)).toBe(first);
    expect(performance.now() - beganMs).toBeLessThan(3_000);
    expect(await running(first)).toEqual(tasks);
    await read(url(first, 8080, '/v2/apps//ha'), { method: 'DELETE' });
    await until(
      'nothing runs',
      async () =>
        (await read<{ tasks: object[] }>(url(first, 5050, '/tasks?limit=1')))?.tasks.every(
          (task) => (task as { state: string }).state !== 'TASK_RUNNING',
        ),
      ELECTED_MS,
    );
  });

  afterAll(async () => {
    for (const { child } of nodes.values()) child.kill('SIGTERM');
    await until(
      'all have ended',
      () => [...nodes.values()].every(({ child }) => child.exitCode !== null || child.signalCode !== null),
      ELECTED_MS,
    );
    for (const name of NAMES) endPlugins(join(home, name, 'run/plugins'));
    await zookeeper.stop();
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
});
