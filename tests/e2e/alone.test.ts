import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';

let cluster: TestCluster;
beforeAll(async () => void (cluster = await TestCluster.create()));
afterAll(() => cluster?.destroy());

const answers = (base: number, path: string) =>
  fetch(cluster.url(base, path)).then(
    ({ ok }) => ok,
    () => false,
  );

function start(...args: string[]) {
  const daemon = cluster.spawn(args);
  let log = '';
  for (const stream of [daemon.stdout, daemon.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(daemon, 'exit').then(([code]) => code as number);
  const end = (signal: NodeJS.Signals) => {
    daemon.kill(signal);
    daemon.kill(signal); // a terminal tells the whole group, and `mezzo` passes it on
    return ended;
  };
  return { end, ended, said: (text: string) => () => log.includes(text) };
}
const master = (workDir = cluster.workDir) =>
  start('master', `--work-dir=${workDir}`, `--port=${cluster.port(5050)}`, `--port-offset=${cluster.offset}`);

test('a master and an agent that are started by themselves find each other', async () => {
  const alone = master();
  await until('the master', () => answers(5050, '/health'), 20_000);
  const agent = start(
    'agent',
    `--work-dir=${cluster.workDir}/agent`,
    `--port=${cluster.port(5051)}`,
    `--master=127.0.0.1:${cluster.port(5050)}`,
    `--join-token-file=${cluster.workDir}/secrets/join.token`,
  );
  const agents = async () =>
    ((await (await fetch(cluster.url(5050, '/slaves'))).json()) as { slaves: object[] }).slaves;
  await until('the agent', async () => (await agents()).length === 1, 20_000);
  await agent.end('SIGUSR1');
  expect(await alone.end('SIGINT')).toBe(0);
}, 60_000);

test('its plugins outlive a master that is told to end, for the next one; Ctrl-C ends them with it', async () => {
  const first = master();
  await until('the router', () => answers(8000, '/'), 20_000);
  expect(await first.end('SIGTERM')).toBe(0);
  expect(await answers(8000, '/')).toBe(true);
  const next = master();
  await until('the next master to adopt them', next.said('adopted'), 20_000);
  expect(await next.end('SIGINT')).toBe(0);
  expect(await answers(8000, '/')).toBe(false);
}, 60_000);

describeIf(process.getuid?.() === 0 ? undefined : 'to mount a disk needs root', 'a disk of its own', () => {
  test('that is full ends it; started again with room, it has what it acknowledged', async () => {
    const disk = join(cluster.workDir, 'disk');
    const ballast = join(disk, 'ballast');
    mkdirSync(disk);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', disk]).status).toBe(0);
    const weigh = async (weight: number): Promise<boolean> => {
      const body = JSON.stringify([{ role: 'r', weight }]);
      const answer = await fetch(cluster.url(5050, '/weights'), { method: 'PUT', body }).catch(() => undefined);
      return answer?.ok === true;
    };
    try {
      const first = master(disk);
      await until('the master', () => answers(5050, '/health'), 20_000);
      await until('a write is acknowledged', () => weigh(1), 20_000);
      let acked = 1;
      const failed = async () => {
        // Before each write: what the starting master gives back, the ballast takes again.
        spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k', 'oflag=append', 'conv=notrunc']);
        return !(await weigh(acked + 1)) || (++acked, false);
      };
      await until('a write fails', failed, 20_000, 0);
      expect(await first.ended).toBe(1);
      // What it said last may be read after its end is known.
      await until('it says why', first.said('ENOSPC'), 5_000);
      rmSync(ballast);
      const next = master(disk);
      await until('it serves again', () => answers(5050, '/health'), 20_000);
      const [{ weight }] = (await (await fetch(cluster.url(5050, '/weights'))).json()) as [{ weight: number }];
      expect([acked, acked + 1]).toContain(weight);
      expect(await next.end('SIGINT')).toBe(0);
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  }, 90_000);
});
