import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { JSON_TYPE, sendAnswer } from '../answer.js';
import { attachInput } from './session-api.js';
import type { AgentSite } from './site.js';

test('a stream of input that does not say what it is for is given up', async () => {
  const server = createServer((incoming, response) => {
    void attachInput({} as AgentSite, incoming, JSON_TYPE, 50).then((answer) => sendAnswer(incoming, response, answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const call = request({ port, host: '127.0.0.1', method: 'POST' });
    const status = new Promise((resolve, reject) =>
      call.on('response', (answer) => resolve(answer.statusCode)).on('error', reject),
    );
    call.write('5');
    expect(await status).toBe(408);
    call.destroy();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
