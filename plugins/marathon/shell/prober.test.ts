import http from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Probe } from '../core/effects.js';
import { Prober, probeOnce } from './prober.js';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** Answers each request with the next status; 0 is silence. */
async function serve(...statuses: number[]): Promise<Probe> {
  const server = http.createServer((_, response) => {
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    if (status) response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => (server.close(), server.closeAllConnections()) });
  const { port } = server.address() as AddressInfo;
  const target = { index: 0, kind: 'http' as const, host: '127.0.0.1', port, path: '/up' };
  return { ...target, ignore1xx: false, intervalMs: 60_000, eagerMs: 60_000, timeoutMs: 300 };
}

describe('a probe', () => {
  it('takes 200 to 399 for healthy and tells what else it got', async () => {
    expect(await probeOnce(await serve(204))).toBeUndefined();
    expect(await probeOnce(await serve(302))).toBeUndefined();
    expect(await probeOnce(await serve(404))).toBe('HTTP /up answered 404');
    expect(await probeOnce(await serve(0))).toBe('no answer within 300 ms');
    expect(await probeOnce({ ...(await serve(200)), port: 1 })).toContain('ECONNREFUSED');
  });

  it('over TCP wants a connection', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    open.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const probe = { ...(await serve(200)), kind: 'tcp' as const, port: (server.address() as AddressInfo).port };
    expect(await probeOnce(probe)).toBeUndefined();
    expect(await probeOnce({ ...probe, port: 1 })).toContain('ECONNREFUSED');
  });
});

describe('the prober', () => {
  it('asks in quick steps until the first success, then in the rhythm of the check', async () => {
    const reports: (string | undefined)[] = [];
    const prober = new Prober((_, __, failure) => reports.push(failure));
    open.push({ close: () => prober.dispose() });
    prober.start('t', [await serve(503, 503, 200)]);
    await expect.poll(() => reports.length, { timeout: 5000 }).toBe(3);
    expect(reports).toEqual(['HTTP /up answered 503', 'HTTP /up answered 503', undefined]);
  });

  it('is silent about a task that is no longer probed', async () => {
    const reports: (string | undefined)[] = [];
    const prober = new Prober((taskId) => reports.push(taskId));
    open.push({ close: () => prober.dispose() });
    prober.start('gone', [await serve(0)]);
    prober.start('stays', [await serve(200)]);
    prober.stop('gone');
    await expect.poll(() => reports).toEqual(['stays']);
  });
});
