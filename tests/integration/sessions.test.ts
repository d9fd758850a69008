import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { encodeRecord, RecordDecoder, type AgentProcessIO } from '@mezzo/sdk/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentCluster, type TestScheduler } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';

let cluster: AgentCluster;
let scheduler: TestScheduler;
let task: string;

beforeEach(async () => {
  cluster = await AgentCluster.start();
  scheduler = cluster.scheduler();
  await scheduler.run('t', 'echo mine >here; sleep 1000', {
    command: {
      value: 'echo mine >here; sleep 1000',
      environment: { variables: [{ name: 'WHO', value: 'a task' }] },
    },
  });
  const status = await scheduler.reaches('t', 'TASK_RUNNING');
  task = status.containerStatus!.containerId!.value;
});
afterEach(() => cluster.destroy());

const JSON_TYPE = { 'Content-Type': 'application/json' };
const STREAM = { ...JSON_TYPE, Accept: 'application/recordio', 'Message-Accept': 'application/json' };
const INPUT = { 'Content-Type': 'application/recordio', 'Message-Content-Type': 'application/json' };
const idOf = (name: string) => ({ value: name, parent: { value: task } });

function post(headers: Record<string, string>): { call: ClientRequest; response: Promise<IncomingMessage> } {
  const call = request(`${cluster.agent!.url}/api/v1`, { method: 'POST', headers, agent: false });
  return { call, response: new Promise((resolve, reject) => call.on('response', resolve).on('error', reject)) };
}

async function ask(type: string, body: object, headers: Record<string, string> = JSON_TYPE) {
  const { call, response } = post(headers);
  call.end(JSON.stringify({ type, [type.toLowerCase()]: body }));
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return text;
}

/** What a stream of ProcessIO brings, by where it was printed. */
class Output {
  stdout = '';
  stderr = '';
  readonly over: Promise<void>;

  constructor(readonly response: IncomingMessage) {
    this.over = this.read();
  }

  private async read(): Promise<void> {
    const decoder = new RecordDecoder();
    for await (const chunk of this.response as AsyncIterable<Buffer>)
      for (const record of decoder.push(chunk)) {
        const { data } = JSON.parse(Buffer.from(record).toString()) as AgentProcessIO;
        const text = Buffer.from(data?.data ?? '', 'base64').toString();
        if (data?.type === 'STDERR') this.stderr += text;
        else this.stdout += text;
      }
  }
}

async function session(name: string, command: string, more: object = {}): Promise<Output> {
  const body = { container_id: idOf(name), command: { value: command }, ...more };
  const response = await ask('LAUNCH_NESTED_CONTAINER_SESSION', body, STREAM);
  expect([response.statusCode, response.headers['content-type'], response.headers['message-content-type']]).toEqual([
    ...[200, 'application/recordio', 'application/json'],
  ]);
  return new Output(response);
}

/** A stream of input for a session. */
function input(name: string) {
  const { call, response } = post(INPUT);
  const write = (body: object): void =>
    void call.write(encodeRecord(JSON.stringify({ type: 'ATTACH_CONTAINER_INPUT', attach_container_input: body })));
  const io = (process_io: object): void => write({ type: 'PROCESS_IO', process_io });
  write({ type: 'CONTAINER_ID', container_id: idOf(name) });
  return {
    call,
    response,
    stdin: (text: string): void =>
      io({ type: 'DATA', data: { type: 'STDIN', data: Buffer.from(text).toString('base64') } }),
    size: (rows: number, columns: number): void =>
      io({ type: 'CONTROL', control: { type: 'TTY_INFO', tty_info: { window_size: { rows, columns } } } }),
  };
}

const exitOf = async (name: string): Promise<unknown> =>
  JSON.parse(await textOf(await ask('WAIT_NESTED_CONTAINER', { container_id: idOf(name) })));

test('a command in the container of a task sees what the task sees, and tells what it prints and how it ends', async () => {
  const output = await session('s', 'cat here; echo "$WHO" >&2; sleep 0.2; echo done; exit 4');
  await output.over;
  expect([output.stdout, output.stderr]).toEqual(['mine\ndone\n', 'a task\n']);
  expect(await exitOf('s')).toEqual({ type: 'WAIT_NESTED_CONTAINER', wait_nested_container: { exit_status: 4 << 8 } });
  expect(scheduler.states('t')).toEqual(['TASK_STARTING', 'TASK_RUNNING']);
});

test('a session reads what is written to it, and others may look on', async () => {
  const output = await session('s', 'cat; echo end');
  const other = new Output(await ask('ATTACH_CONTAINER_OUTPUT', { container_id: idOf('s') }, STREAM));
  const { call, response, stdin } = input('s');
  stdin('hello\n');
  await until('both saw it', () => output.stdout === 'hello\n' && other.stdout === 'hello\n');
  const second = input('s');
  second.call.end();
  expect((await second.response).statusCode).toBe(409);
  stdin('');
  await Promise.all([output.over, other.over]);
  expect([output.stdout, other.stdout]).toEqual(['hello\nend\n', 'hello\nend\n']);
  call.end();
  expect((await response).statusCode).toBe(200);
});

test('a session ends with the connection that asked for it', async () => {
  const output = await session('s', 'echo $$; sleep 1000');
  await until('it runs', () => output.stdout !== '');
  output.over.catch(() => {});
  output.response.destroy();
  expect(await exitOf('s')).toMatchObject({ wait_nested_container: { exit_status: 9 } });
});

test('a session may have a terminal', async () => {
  const container = { type: 'MESOS', tty_info: { window_size: { rows: 11, columns: 33 } } };
  const output = await session('s', 'stty size; read x; stty size; cat', { container });
  const { call, response, stdin, size } = input('s');
  await until('it has its size', () => output.stdout.includes('11 33'));
  size(12, 44);
  stdin('go\n');
  await until('it has another', () => output.stdout.includes('12 44'));
  stdin('hello tty\n');
  await until('it echoes', () => output.stdout.includes('hello tty\r\nhello tty\r\n'));
  stdin('\u0004');
  await output.over;
  expect((await response).statusCode).toBe(200);
  call.end();
});

test.each<[what: string, type: string, id: object, headers: Record<string, string>, status: number, text: string]>([
  ['a task', 'ATTACH_CONTAINER_OUTPUT', {}, STREAM, 400, 'is no session: its output is in its sandbox'],
  ['nothing', 'ATTACH_CONTAINER_OUTPUT', { value: 'nope' }, STREAM, 404, 'Container nope cannot be found'],
  [
    'input in JSON',
    'ATTACH_CONTAINER_INPUT',
    {},
    JSON_TYPE,
    415,
    "Expecting 'Content-Type' to be application/recordio",
  ],
])('attaching to %s is refused', async (_, type, id, headers, status, text) => {
  const container_id = { value: task, ...id };
  const response = await ask(type, { type: 'CONTAINER_ID', container_id }, headers);
  expect([response.statusCode, await textOf(response)]).toEqual([status, expect.stringContaining(text)]);
});

test.each<[what: string, body: string | undefined, status: number, text: string]>([
  ['nothing', undefined, 400, 'Received EOF while reading request body'],
  ['what is no record', 'hello', 400, 'begins with something else than its length'],
  ['what is no call', '2\n{]', 400, 'Failed to parse a record'],
  ['another call', '21\n{"type":"GET_HEALTH"}', 415, 'is not supported for GET_HEALTH call'],
  [
    'input without a container',
    String(encodeRecord('{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO"}}')),
    ...([400, "Expecting 'attach_container_input.type' to be CONTAINER_ID"] as const),
  ],
])('a stream of input that begins with %s is refused', async (_, body, status, text) => {
  const { call, response } = post(INPUT);
  call.end(body);
  const answer = await response;
  expect([answer.statusCode, await textOf(answer)]).toEqual([status, expect.stringContaining(text)]);
});
