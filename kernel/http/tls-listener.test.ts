import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { CertificateAuthority } from '@mezzo/sdk/secrets';
import { afterAll, afterEach, expect, test } from 'vitest';
import { listen, type Listening } from './listen.js';
import { tlsServer, type TlsListenOptions } from './tls-listener.js';

const dir = mkdtempSync(join(tmpdir(), 'mezzo-tls-'));
const authority = CertificateAuthority.of(dir);
const identity = { ...authority.issue('master', ['127.0.0.1', 'localhost']), ca: authority.cert };
const trusting = { ca: authority.cert };
let listening: Listening | undefined;

afterEach(async () => {
  await listening?.close(0);
  listening = undefined;
});
afterAll(() => rmSync(dir, { recursive: true }));

async function start(more: Partial<TlsListenOptions> = {}): Promise<number> {
  listening = await listen('127.0.0.1', 0, { identity, requireClientCert: false, allowHttp: false, ...more });
  listening.serve((request, response) => {
    let size = 0;
    request
      .on('data', (chunk: Buffer) => (size += chunk.length))
      .on('end', () => response.end(`${request.url} ${size}`));
  });
  return listening.port;
}

interface Got {
  readonly status: number | undefined;
  readonly text: string;
}

function get(scheme: 'http' | 'https', port: number, options: object = {}, body = ''): Promise<Got> {
  const request = scheme === 'https' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) =>
    request({ host: '127.0.0.1', port, path: '/x', method: 'POST', agent: false, ...options }, (answer) => {
      let text = '';
      answer.on('data', (data: Buffer) => (text += data.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    })
      .on('error', reject)
      .end(body),
  );
}

test('https is served to those who trust the authority, also many at a time and with large bodies', async () => {
  const port = await start();
  const body = 'b'.repeat(2_000_000);
  const answers = await Promise.all(Array.from({ length: 20 }, () => get('https', port, trusting, body)));
  for (const answer of answers) expect(answer).toEqual({ status: 200, text: `/x ${body.length}` });
  const agent = new Agent({ keepAlive: true, ...trusting });
  for (let i = 0; i < 3; i++) expect((await get('https', port, { agent })).status).toBe(200);
  agent.destroy();
  await expect(get('https', port)).rejects.toThrow();
});

test('http is told to come back with https, or served where that is allowed', async () => {
  const told = await get('http', await start());
  expect(told).toEqual({ status: 400, text: 'This port speaks HTTPS: use https:// in place of http://\n' });
  await listening!.close(0);
  const port = await start({ allowHttp: true });
  expect(await get('http', port, {}, 'abc')).toEqual({ status: 200, text: '/x 3' });
  expect(await get('https', port, trusting, 'abc')).toEqual({ status: 200, text: '/x 3' });
});

test('where clients must show a certificate, only one of the authority will do', async () => {
  const port = await start({ requireClientCert: true });
  await expect(get('https', port, trusting)).rejects.toThrow();
  const other = mkdtempSync(join(tmpdir(), 'mezzo-other-'));
  await expect(
    get('https', port, { ...trusting, ...CertificateAuthority.of(other).issue('agent', []) }),
  ).rejects.toThrow();
  rmSync(other, { recursive: true });
  expect((await get('https', port, { ...trusting, ...authority.issue('agent', []) })).status).toBe(200);
});

const shown = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({ host: '127.0.0.1', port, ...trusting }, () => {
      resolve(socket.getPeerCertificate().subject.CN!.toString());
      socket.destroy();
    }).on('error', reject);
  });

test('a renewed certificate is shown to connections to come; one that cannot be used changes nothing', async () => {
  const port = await start();
  expect(await shown(port)).toBe('master');
  listening!.renew({ ...authority.issue('renewed', ['127.0.0.1']), ca: authority.cert });
  expect(await shown(port)).toBe('renewed');
  expect(() => listening!.renew({ ...identity, cert: 'junk' })).toThrow();
  expect(await shown(port)).toBe('renewed');
});

test('versions of TLS that are broken are refused', async () => {
  const port = await start();
  await expect(get('https', port, { ...trusting, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow();
});

test('only ciphers that are named are agreed on, after a renewal too', async () => {
  const port = await start({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384' });
  const with128 = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256';
  const with256 = with128.replaceAll('AES128-GCM-SHA256', 'AES256-GCM-SHA384');
  const old = { ...trusting, maxVersion: 'TLSv1.2' as const };
  for (const _ of [1, 2]) {
    await expect(get('https', port, { ...old, ciphers: with128 })).rejects.toThrow();
    expect((await get('https', port, { ...old, ciphers: with256 })).status).toBe(200);
    listening!.renew(identity);
  }
});

test('junk and silence cost nothing, and closing does not wait for them', async () => {
  const port = await start();
  const open = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket));
      socket.on('error', () => {});
    });
  const silent = await open();
  for (const junk of ['\u0016junk', 'GET', '\u0000\u0000', '\u0016\u0003\u0001']) (await open()).write(junk);
  expect((await get('https', port, trusting)).status).toBe(200);
  const ended = new Promise((resolve) => silent.once('close', resolve));
  await listening!.close(0);
  await ended;
});

test('who is slow with the head of a request is told so and cut off, with TLS and without', async () => {
  const limits = { headersTimeout: 150, connectionsCheckingInterval: 50 };
  const { server, cut } = tlsServer((_, response) => response.end(), limits, {
    identity,
    requireClientCert: false,
    allowHttp: true,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const answer = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      socket.write('GET / HTTP/1.1\r\nX-Slow: ');
      socket.on('data', (data: Buffer) => (text += data.toString())).on('close', () => resolve(text));
    });
  const answers = await Promise.all([answer(connect(at)), answer(connectTls({ ...at, ...trusting }))]);
  for (const text of answers) expect(text).toMatch(/^HTTP\/1.1 408 /);
  server.close();
  cut(true);
});
