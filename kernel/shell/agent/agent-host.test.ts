import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvironmentVariable } from '@mezzo/sdk/api';
import type { Logger } from '@mezzo/sdk/contract';
import { FakeContainerizer, FakeMachine, FakeSecretStore } from '@mezzo/sdk/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ScriptedMaster } from '../../../tests/support/scripted-master.js';
import { systemClock, systemRandom } from '../clock.js';
import { MasterDetector } from './master-detector.js';
import { AgentHost } from './agent-host.js';
import { JournalCheckpointStore } from './checkpoint-store.js';
import { Fetcher } from './fetcher.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

let workDir: string;
let master: ScriptedMaster;
let address: string;
const machine = new FakeMachine();
const hosts: AgentHost[] = [];
const exits: [number, string][] = [];

beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'mezzo-agent-'));
  await writeFile(join(workDir, 'join.token'), 'secret\n');
  master = new ScriptedMaster();
  address = await master.listen();
  machine.containers.clear();
  exits.length = 0;
});
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
  await master.close();
  await rm(workDir, { recursive: true });
});

async function start(
  masterAddress = address,
  name = 'mesos',
  more: { readonly secretResolver?: string; readonly onLaunch?: () => void } = {},
): Promise<{ host: AgentHost; fake: FakeContainerizer; checkpoints: JournalCheckpointStore }> {
  const { secretResolver, onLaunch } = more;
  const fake = new FakeContainerizer({ machine, name, ...(onLaunch && { onLaunch }) });
  const checkpoints = new JournalCheckpointStore(join(workDir, 'meta'), quiet);
  const host = new AgentHost({
    config: {
      owner: 'o',
      workDir,
      hostname: 'node',
      ip: '127.0.0.1',
      port: 5051,
      version: '1.12.0',
      resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 2 } }],
      attributes: [],
      containerizers: [name],
      executorEnvironment: {},
      user: 'me',
      switchUser: false,
      registrationBackoffMs: 20,
      executorRegistrationTimeoutMs: 60_000,
      executorReregistrationTimeoutMs: 2000,
      executorShutdownGraceMs: 5000,
      recoveryTimeoutMs: 900_000,
      maxCompletedExecutors: 10,
      secretResolver,
    },
    bootId: 'b',
    recover: 'reconnect',
    strict: true,
    master: { master: new MasterDetector(masterAddress), tokenFile: join(workDir, 'join.token') },
    containerizers: [fake],
    checkpoints,
    fetcher: new Fetcher({ maxBytes: 1e6, stallTimeoutMs: 5000 }),
    clock: systemClock,
    random: systemRandom,
    log: quiet,
    executors: { send() {}, close() {} },
    sessions: { add: () => {} },
    onExit: (...exit) => void exits.push(exit),
  });
  hosts.push(host);
  await host.start();
  return { host, fake, checkpoints };
}

/** The keys that a next life would find. */
function stored(): string[] {
  const keys = new Set<string>();
  for (const line of readFileSync(join(workDir, 'meta', 'journal'), 'utf8')
    .split('\n')
    .filter(Boolean)) {
    const { key, value } = JSON.parse(line.slice(line.indexOf(' '))) as { key: string; value?: unknown };
    if (value === undefined) keys.delete(key);
    else keys.add(key);
  }
  return [...keys];
}

const until = (condition: () => boolean, what: string) => expect.poll(condition, { message: what, timeout: 5000 });
const states = async (...expected: string[]) => expect.poll(() => master.states, { timeout: 5000 }).toEqual(expected);
const framework = { user: 'root', name: 'f', id: { value: 'F' } };
const runTask = (id: string, command: string, variables: EnvironmentVariable[] = []) =>
  master.send({
    type: 'runTask',
    framework,
    task: {
      name: id,
      taskId: { value: id },
      agentId: { value: 'M-S0' },
      command: { value: command, environment: { variables } },
      resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 } }],
      maxCompletionTime: { nanoseconds: 2n ** 62n },
    },
  });

test('a task runs to its end, told in batches numbered without gaps', async () => {
  await start();
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  runTask('t', 'exit 3');
  await states('TASK_STARTING');
  master.acknowledge();
  await states('TASK_STARTING', 'TASK_RUNNING');
  master.acknowledge();
  await states('TASK_STARTING', 'TASK_RUNNING', 'TASK_FAILED');
  master.acknowledge();
  await expect.poll(() => stored()).toEqual(['agent']);
  expect(master.batches.map((b) => b.seq)).toEqual(master.batches.map((_, i) => i + 1));
  expect(master.batches.every((b) => b.session === 'session-1')).toBe(true);
  expect(master.batches.at(-1)!.seen).toBe(4);
  expect(master.authorizations).toEqual(['Bearer secret']);
  const runs = join(workDir, 'slaves/M-S0/frameworks/F/executors/t/runs');
  expect(await readdir(runs)).toContain(await readlink(join(runs, 'latest')));
});

test('a task survives the agent, which registers again with all it knows', async () => {
  const { host } = await start();
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  runTask('t', 'sleep 99');
  await states('TASK_STARTING');
  await host.stop();
  const { fake } = await start();
  await until(() => master.subscribed.length === 2, 'registered again').toBe(true);
  expect(master.subscribed[1]).toMatchObject({
    agentInfo: { id: { value: 'M-S0' } },
    tasks: [{ state: 'TASK_RUNNING', info: { maxCompletionTime: { nanoseconds: 2n ** 62n } } }],
  });
  await states('TASK_STARTING', 'TASK_STARTING');
  master.acknowledge();
  await states('TASK_STARTING', 'TASK_STARTING', 'TASK_RUNNING');
  master.acknowledge();
  fake.end(fake.running[0]!.containerId, { code: 0 });
  await states('TASK_STARTING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED');
});

test('tasks are not given up because their containerizer is missing', async () => {
  const { host } = await start();
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  runTask('t', 'sleep 99');
  await states('TASK_STARTING');
  await expect.poll(() => [...host.state.runs.values()][0]?.phase).toBe('running');
  await host.stop();
  await start(address, 'docker');
  expect(exits).toEqual([[1, expect.stringContaining('containerizer mesos')]]);
  expect(machine.containers.size).toBe(1);
  expect(master.subscribed).toHaveLength(1);
});

test('a lost stream, and a batch that the master does not take, mean a new session', async () => {
  await start();
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  master.drop();
  await until(() => master.subscribed.length === 2, 'registered after a lost stream').toBe(true);
  master.answerCalls = 409;
  master.send({ type: 'ping' });
  await until(() => master.subscribed.length === 3, 'registered after a conflict').toBe(true);
  master.answerCalls = 202;
  master.send({ type: 'ping' });
  await until(() => master.calls.some((c) => c.type === 'pong'), 'a pong').toBe(true);
  expect(master.batches.at(-1)).toMatchObject({ session: 'session-3', seq: 1, seen: 2 });
});

test('a master that does not lead sends the agent on', async () => {
  const standby = createServer((_, response) => {
    response.writeHead(307, { Location: `//${address}/agent/v1/subscribe` }).end();
  });
  await new Promise<void>((resolve) => standby.listen(0, '127.0.0.1', resolve));
  await start(`127.0.0.1:${(standby.address() as AddressInfo).port}`);
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  standby.closeAllConnections();
  standby.close();
});

test('when the disk cannot be written the agent ends instead of lying', async () => {
  const { checkpoints } = await start();
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  await expect.poll(() => stored()).toEqual(['agent']);
  await checkpoints.close();
  await rm(join(workDir, 'meta'), { recursive: true });
  runTask('t', 'exit 0');
  await until(() => exits.length === 1, 'exit').toBe(true);
  expect(exits[0]![0]).toBe(1);
  expect(master.states).toEqual([]);
});

const secret: EnvironmentVariable[] = [
  { name: 'DB', type: 'SECRET', secret: { type: 'REFERENCE', reference: { name: 'db/password' } } },
];

test('a secret goes from the store into the environment of the container, and nowhere else', async () => {
  const { host, fake } = await start(address, 'mesos', { secretResolver: 'fake' });
  host.secrets.choose([new FakeSecretStore({ secrets: { 'db/password': 'hunter2' } })]);
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  runTask('t', 'sleep 99', secret);
  await until(() => fake.running.length === 1, 'it runs').toBe(true);
  expect(fake.running[0]!.command.env['DB']).toBe('hunter2');
  await states('TASK_STARTING');
  const shown = (_: string, value: unknown) =>
    value instanceof Map ? [...value] : typeof value === 'bigint' ? 0 : value;
  for (const where of [
    readFileSync(join(workDir, 'meta/journal'), 'utf8'),
    JSON.stringify([host.state, master.calls], shown),
  ])
    expect(where).not.toContain('hunter2');
});

test('a task that is killed while its secrets are asked for is killed, and nothing was started', async () => {
  const { host, fake } = await start(address, 'mesos', { secretResolver: 'fake' });
  let answer = (): void => {};
  const on = () => new Promise<void>((resolve) => (answer = resolve));
  const store = new FakeSecretStore({ secrets: { 'db/password': 'hunter2' }, on });
  host.secrets.choose([store]);
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  runTask('t', 'sleep 99', secret);
  await until(() => store.asked.length === 1, 'asked').toBe(true);
  const { containerId } = store.asked[0]!.requester;
  master.send({ type: 'killTask', frameworkId: 'F', taskId: 't' });
  await states('TASK_KILLED');
  answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(host.secrets.take(containerId)).toBeUndefined();
  expect(fake.running).toEqual([]);
});

test('what a containerizer says of a launch that failed is not repeated when it holds a secret', async () => {
  const onLaunch = () => {
    throw new Error('cannot set DB=hunter2');
  };
  const { host } = await start(address, 'mesos', { secretResolver: 'fake', onLaunch });
  host.secrets.choose([new FakeSecretStore({ secrets: { 'db/password': 'hunter2' } })]);
  await until(() => master.subscribed.length === 1, 'registered').toBe(true);
  runTask('t', 'sleep 99', secret);
  await states('TASK_STARTING');
  master.acknowledge();
  await states('TASK_STARTING', 'TASK_FAILED');
  const said = master.calls.flatMap((call) => (call.type === 'statusUpdate' ? [call.status.message] : []));
  expect(said.at(-1)).toContain('are not repeated');
});
