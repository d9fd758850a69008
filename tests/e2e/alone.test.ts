import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';

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
  daemon.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const end = async (signal: NodeJS.Signals) => {
    const ended = once(daemon, 'exit');
    daemon.kill(signal);
    daemon.kill(signal); // a terminal tells the whole group, and `mezzo` passes it on
    return (await ended)[0] as number;
  };
  return { end, said: (text: string) => () => log.includes(text) };
}
const master = () =>
  start('master', `--work-dir=${cluster.workDir}`, `--port=${cluster.port(5050)}`, `--port-offset=${cluster.offset}`);

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
