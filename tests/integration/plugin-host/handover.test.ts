import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { PluginHost, type PluginHostOptions } from '@mezzo/kernel/plugin-host/index';
import { until } from '../../support/poll.js';
import {
  buildSdk,
  find,
  freePort,
  hostOptions,
  makeRegistry,
  MapStore,
  newDir,
  plugin,
  requireNothingLeft,
} from './support.js';

// A plugin whose sockets its host keeps is exchanged while it is asked, and nobody notices.

let dir: string;
let host: PluginHost | undefined;
let port: number;
const store = new MapStore();

beforeAll(buildSdk, 120_000);
beforeEach(async () => {
  dir = newDir();
  port = await freePort();
});
afterEach(async () => {
  await host?.shutdown({ keepPlugins: false });
  host = undefined;
  requireNothingLeft(dir);
});

/** Answers its configuration, pid and version over HTTP and UDP; /slow takes as long as the query says. */
const SERVER = `
const { createSocket } = await import('node:dgram');
const { serveHttp } = await import('@mezzo/sdk/runtime');
const { web, names } = ctx.resolve(contract.LISTENERS);
if (config.fails) throw new Error('it cannot be');
if (config.dies) process.exit(3);
const said = JSON.stringify({ config, pid: process.pid });
ctx.own(await serveHttp((request, response) => {
  const ms = Number(new URL(request.url, 'http://x').searchParams.get('ms'));
  setTimeout(() => response.end(said), ms);
}, web.ip, web.port, web.tcp));
const socket = createSocket('udp4');
socket.on('message', (message, from) => socket.send(said, from.port, from.address));
await new Promise((resolve) => socket.once('listening', resolve).bind(names.udp === undefined ? { address: names.ip, port: names.port } : { fd: names.udp }));
ctx.own({ handOver: async () => socket.close(), dispose: () => {} });
`;
const CONFIG = {
  type: 'object',
  additionalProperties: false,
  properties: {
    word: { type: 'string', default: '' },
    fails: { type: 'boolean', default: false },
    dies: { type: 'boolean', default: false },
    port: { type: 'integer' },
  },
};
const served = (code: string) =>
  plugin('served', code, {
    config: CONFIG,
    listens: { web: { port }, names: { port, protocols: ['udp'] } },
  });

type Wanted = NonNullable<PluginHostOptions['wanted']>;
const wanted = (config: Record<string, unknown>, disabled: readonly string[] = []): Wanted => ({
  ...{ plugins: [], hold: [], disabled },
  config: { served: config },
});

async function startHost(config: Record<string, unknown> = {}, code = SERVER): Promise<void> {
  const registry = makeRegistry(dir, [served(code)]);
  const options = hostOptions(join(dir, 'work'), registry, store);
  host = await PluginHost.start({ ...options, wanted: wanted(config), supervision: { stopGraceMs: 2_000 } });
  await inState('active');
}

const status = () => find(host!.statuses(), 'served');
const inState = (state: string) =>
  until(`served ${state}`, () => status().state === state && status()).catch((error: Error) => {
    throw new Error(`${error.message}: it is ${JSON.stringify(status())}`);
  });

/** As an operator's word does. */
const configure = (config: Record<string, unknown>): Promise<void> => host!.apply(wanted(config));

interface Answer {
  readonly config: { readonly word: string };
  readonly pid: number;
}

function ask(path: string, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(JSON.parse(text) as Answer)).on('error', reject);
    })
      .once('error', reject)
      .end();
  });
}

const MAX_WAITING = 100;

/** Asks all the time, over connections that are kept, new ones, and UDP. Answers what was answered, and what was not. */
function load() {
  const kept = new Agent({ keepAlive: true, maxSockets: 4 });
  const words: string[] = [];
  const lost: string[] = [];
  let [going, udpSent, udpGot] = [true, 0, 0];
  const socket = createSocket('udp4');
  socket.on('message', () => udpGot++);
  const client = async (agent: Agent | undefined): Promise<void> => {
    while (going)
      await ask('/', agent).then(
        ({ config }) => words.push(config.word),
        (error: Error) => lost.push(error.message),
      );
  };
  const sender = async (): Promise<void> => {
    for (; going; await sleep(1)) {
      // A socket's buffer holds some 270: what a process that gets no CPU leaves in it is lost to no handover.
      if (udpSent - udpGot >= MAX_WAITING) continue;
      udpSent++;
      socket.send('?', port, '127.0.0.1');
    }
  };
  const all = [client(kept), client(kept), client(undefined), sender()];
  return {
    words,
    async end() {
      going = false;
      await Promise.all(all);
      await until('all datagrams are answered', () => udpGot >= udpSent, 2_000).catch(() => undefined);
      socket.close();
      kept.destroy();
      return { lost, udpLost: udpSent - udpGot };
    },
  };
}

test('another configuration is served by another process, and not one request is lost', async () => {
  await startHost({ word: 'a' });
  const { pid, restarts } = status();
  const clients = load();
  for (const word of ['b', 'c', 'd']) {
    await configure({ word });
    await until(`${word} is served`, () => clients.words.at(-1) === word);
    await inState('active');
  }
  expect(await clients.end()).toEqual({ lost: [], udpLost: 0 });
  expect(status().pid).not.toBe(pid);
  expect(status().restarts).toBe(restarts);
});

test('what was begun before is ended by who began it', async () => {
  await startHost({ word: 'a' });
  const slow = ask('/slow?ms=3000');
  await sleep(50);
  await configure({ word: 'b' });
  await until('b is served', async () => (await ask('/')).config.word === 'b');
  expect((await slow).config.word).toBe('a');
});

test.each([{ fails: true }, { dies: true }])('with %j the process that serves goes on', async (bad) => {
  await startHost({ word: 'a' });
  const { pid } = status();
  const clients = load();
  await configure({ word: 'b', ...bad });
  const { reason } = await inState('failed');
  expect(reason).toMatch(/version 1\.0\.0 serves on \(3 times in a row\); restarting in/);
  if ('fails' in bad) expect(reason).toContain('it cannot be');
  await configure({ word: 'a' });
  await inState('active');
  expect(status().pid).toBe(pid);
  expect(await clients.end()).toEqual({ lost: [], udpLost: 0 });
  expect(new Set(clients.words)).toEqual(new Set(['a']));
});

test('when it dies whoever asks waits for the next process', async () => {
  await startHost();
  const { pid } = status();
  process.kill(pid!, 'SIGKILL');
  expect((await ask('/')).pid).not.toBe(pid);
  await inState('active');
  expect(status().restarts).toBe(1);
});

test('the sockets outlive the host, and the next one hands them over', async () => {
  await startHost({ word: 'a' });
  const { pid } = status();
  const clients = load();
  await host!.shutdown({ keepPlugins: true });
  await startHost({ word: 'a' });
  expect(status().pid).toBe(pid);
  await configure({ word: 'b' });
  await until('b is served', () => clients.words.at(-1) === 'b');
  await host!.shutdown({ keepPlugins: true });
  const { pid: second } = await ask('/');
  await startHost({ word: 'b' });
  expect(status().pid).toBe(second);
  expect(await clients.end()).toEqual({ lost: [], udpLost: 0 });
});

test('another port is another socket: the process is exchanged', async () => {
  await startHost({ word: 'a' });
  const { pid } = status();
  const before = port;
  port = await freePort();
  await configure({ port });
  await until('it is served there', () => ask('/').catch(() => undefined));
  expect((await inState('active')).pid).not.toBe(pid);
  port = before;
  await expect(ask('/')).rejects.toThrow('ECONNREFUSED');
});

test('one that is stopped leaves the port; one whose port is taken has it as soon as it is free', async () => {
  await startHost();
  await host!.apply(wanted({}, ['served']));
  await inState('stopped');
  await expect(ask('/')).rejects.toThrow('ECONNREFUSED');
  const squatter = createServer().listen(port, '127.0.0.1');
  await host!.apply(wanted({}));
  await until('it says so', () => status().reason?.includes('EADDRINUSE'));
  squatter.close();
  await inState('active');
  expect((await ask('/')).pid).toBe(status().pid);
});

const LIAR = `
const { readFileSync, unlinkSync } = await import('node:fs');
const { createServer } = await import('node:net');
const spec = JSON.parse(readFileSync(process.argv[2], 'utf8'));
setTimeout(() => {
  unlinkSync(spec.controlSocket);
  const status = { pluginId: 'served', version: '1.0.0', digest: 'another', pid: Number(config.word), state: 'active', endpoints: {} };
  createServer((socket) => socket.on('error', () => {}).write(JSON.stringify({ type: 'status', status }) + '\\n')).listen(spec.controlSocket);
}, 300);
`;

test('a plugin that says another process is its own does not get that one ended', async () => {
  const victim = spawn('sleep', ['60']);
  await startHost({ word: String(victim.pid) }, LIAR);
  const { pid } = status();
  await host!.shutdown({ keepPlugins: true });
  await sleep(500);
  await startHost({ word: String(victim.pid) }, LIAR);
  expect(status().pid).not.toBe(pid);
  expect(victim.exitCode ?? victim.signalCode).toBeNull();
  victim.kill();
});
