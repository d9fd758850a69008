import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { middlewareListener } from '@mezzo/sdk/runtime';
import { routerMiddlewareSuite, routesSuite, type Law } from '@mezzo/sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const manifest = {
  id: 'guard',
  sdk: '*',
  runsOn: ['master'] as const,
  entry: 'plugin.js',
  http: { routes: [{ path: '/guard' }], middleware: [{ path: '/service' }] } as never,
};

const opened: Server[] = [];
afterAll(() => opened.forEach((server) => (server.closeAllConnections(), server.close())));
async function serve(listener: RequestListener): Promise<() => string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(server);
  return () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const guard = middlewareListener(
  ({ method, uid }) =>
    method === 'DELETE' && uid !== 'ann'
      ? { allow: false, status: 403, reason: 'only ann deletes' }
      : { allow: true, headers: { 'x-who': uid ?? 'nobody' } },
  (_request, response) => void response.writeHead(404).end(),
);
const cases = [
  { request: { uid: 'bob' }, decision: { allow: true as const, headers: { 'x-who': 'bob' } } },
  { request: { method: 'DELETE' }, decision: { allow: false as const, status: 403, reason: 'only ann deletes' } },
];

describe('middleware on the SDK', () => {
  let base = (): string => '';
  beforeAll(async () => void (base = await serve(guard)));
  const url = () => base();
  for (const { title, timeoutMs, run } of [
    ...routesSuite({ manifest, url }),
    ...routerMiddlewareSuite({ manifest, url, cases }),
  ])
    it(title, { timeout: timeoutMs }, run);
});

describe('the suites bite', () => {
  const failed = async (laws: readonly Law[]): Promise<string> => {
    const titles: string[] = [];
    for (const { title, run } of laws) await run().catch(() => titles.push(title));
    return titles.join('; ');
  };
  it('see middleware that allows whatever it hears', async () => {
    const url = await serve((_request, response) => void response.end('{"allow":true}'));
    expect(await failed(routerMiddlewareSuite({ manifest, url, cases }))).toMatch(
      /decides as it should.*nonsense is not allowed/,
    );
  });
  it('see routes that fall over', async () => {
    const url = await serve((request, response) => {
      try {
        decodeURIComponent(request.url ?? '');
        response.end();
      } catch {
        response.writeHead(500).end();
      }
    });
    expect(await failed(routesSuite({ manifest, url }))).toMatch(/without falling over.*refuses bodies/);
  });
});
