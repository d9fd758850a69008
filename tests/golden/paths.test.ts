import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawConnection } from '../support/raw-http.js';
import { startTestPair, type TestPair } from './agent-support.js';
import { ask } from './master-support.js';

/** What leads to an endpoint, and what does not. */
let pair: TestPair;
beforeAll(
  async () => void (pair = await startTestPair(['--firewall_rules={"disabled_endpoints":{"paths":["/flags"]}}'])),
);
afterAll(() => pair.close());

test.each([
  ['/health', 200],
  ['/master/health', 200],
  ['//master///health/', 200],
  ['/health?x=%zz', 200],
  ['/HEALTH', 404],
  ['/Master/health', 404],
  ['/%68ealth', 404],
  ['/master%2Fhealth', 404],
  ['/flags', 403],
  ['/FLAGS', 404],
  ['/help', 200],
  ['/help/master', 200],
  ['/help/master/health', 200],
  ['/help/files', 200],
  ['/help/files/read', 200],
  ['/help/metrics/snapshot', 200],
  ['/help/nope', 400],
  ['/help/health', 400],
  ['/help/master/nope', 400],
  ['/help/master/api/v1', 400],
])('of the master: %s is %i', async (path, status) => {
  expect((await ask(pair.master.daemon, path)).status).toBe(status);
});

test.each([
  ['/slave(1)/health', 200],
  ['/slave%281%29/health', 200],
  ['/slave(1)', 404],
  ['/master/health', 404],
  ['/help/slave(1)/health', 200],
  ['/help/slave%281%29', 200],
  ['/help/master', 400],
])('of the agent: %s is %i', async (path, status) => {
  expect((await ask(pair.agent.daemon, path)).status).toBe(status);
});

test.each(['http://127.0.0.1:5050/health', 'HTTPS://leader.mesos/master/health?x=1', 'http://host'])(
  'what a proxy asks for: %s',
  async (target) => {
    const connection = new RawConnection(pair.master.daemon.port);
    await connection.send(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(await connection.status()).toBe(200);
  },
);
