import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { expect, test } from 'vitest';
import { mount } from './mount.js';

test('what is mounted later is 503 until then, which a client may try again; all else goes on', async () => {
  const app = new Koa();
  const mountLater = mount(app, '/later/v1');
  app.use((ctx) => void (ctx.body = 'rest'));
  const server = app.listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const get = async (path: string): Promise<[number, string]> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return [answer.status, await answer.text()];
    };
    const [status, text] = await get('/later/v1/x');
    expect([status, JSON.parse(text)]).toEqual([503, expect.objectContaining({ code: 'NOT_READY', retryable: true })]);
    expect(await get('/later/v10')).toEqual([200, 'rest']);
    mountLater(new Koa().use((ctx) => void (ctx.body = `mounted ${ctx.path}`)));
    expect(await get('/later/v1/x')).toEqual([200, 'mounted /later/v1/x']);
    expect(await get('/later')).toEqual([200, 'rest']);
  } finally {
    server.close();
  }
});
