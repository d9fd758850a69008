import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeContainerizer } from '@mezzo/sdk/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Probe } from '../../core/agent/effects.js';
import { runProbe } from './prober.js';

const host = '127.0.0.1';
let server: Server;
let port: number;

beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url === '/hang') return;
    response.writeHead(request.url === '/well?x=1' ? 204 : 503).end('body');
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const probe = (what: Probe, timeoutMs = 2000) => runProbe(what, timeoutMs, undefined, 'c');
const http = (path: string): Probe => ({ kind: 'http', scheme: 'http', host, port, path });

test('an HTTP probe answers the status, whatever it is', async () => {
  expect(await probe(http('/well?x=1'))).toEqual({ kind: 'http', status: 204 });
  expect(await probe(http('other'))).toEqual({ kind: 'http', status: 503 });
});

test('what does not answer in time fails at the deadline', async () => {
  expect(await probe(http('/hang'), 50)).toEqual({ kind: 'failed', message: 'no answer within 50 ms' });
});

test('a TCP probe answers whether somebody listens', async () => {
  expect(await probe({ kind: 'tcp', host, port })).toEqual({ kind: 'tcp', connected: true });
  server.close();
  expect(await probe({ kind: 'tcp', host, port })).toEqual({ kind: 'tcp', connected: false });
  expect((await probe(http('/'))).kind).toBe('failed');
});

test('a command is run in the container', async () => {
  const containerizer = new FakeContainerizer();
  const resources = { cpusMilli: 1, memMib: 1 };
  const command = (text: string) => ({ shell: true, argv: [text], env: {} });
  await containerizer.launch({ containerId: 'c', owner: 'o', sandbox: '/', resources, command: command('sleep 1') });
  const run = (text: string) => runProbe({ kind: 'command', command: command(text) }, 1000, containerizer, 'c');
  expect(await run('exit 3')).toEqual({ kind: 'exit', code: 3 });
  expect(await run('sleep 9')).toEqual({ kind: 'failed', message: 'no answer within 1000 ms' });
});
