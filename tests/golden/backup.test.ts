import { afterAll, beforeAll, expect, test } from 'vitest';
import { Readable } from 'node:stream';
import { readBackup } from '@mezzo/sdk/backup';
import type { StoreEntry } from '@mezzo/sdk/contract';
import { mintToken } from '@mezzo/sdk/secrets';
import { ask, post, startTestMaster, type TestMaster } from './master-support.js';

let master: TestMaster;
beforeAll(
  async () => void (master = await startTestMaster(['--cluster=golden', '--authenticate_http_readwrite=false'])),
);
afterAll(() => master.close());

const PATH = '/store/v1/backup';
const bearer = async (scope: 'operator' | 'user' | 'plugin' | 'agent', path = PATH, method = 'GET') => {
  const token = await mintToken(master.daemon.clusterKey, { uid: 'ann', scope }, 60);
  return ask(master.daemon, path, { method, headers: { authorization: `Bearer ${token}` } });
};

test('the administrator gets all of the store, at one sequence number', async () => {
  await post(master.daemon, '/api/v1', {
    type: 'UPDATE_WEIGHTS',
    update_weights: { weight_infos: [{ role: 'web', weight: 2.5 }] },
  });
  const { store, epoch } = master.daemon;
  await store.commit({ epoch, writes: [{ op: 'put', key: 'plugins/p/k', value: 'v' }] });
  const { sequence } = store.snapshot();
  const { status, headers, body } = await bearer('operator');
  expect([status, headers['content-type'], headers['cache-control']]).toEqual([
    200,
    'application/octet-stream',
    'no-store',
  ]);
  const entries: StoreEntry[] = [];
  const read = await readBackup(Readable.from([body]), 'answer', { entry: (entry) => entries.push(entry) });
  expect(read).toMatchObject({ mezzoBackup: 1, store: 1, cluster: 'golden', epoch, sequence, count: entries.length });
  expect(entries).toEqual(store.list(''));
  expect(entries.map(({ key }) => key)).toEqual(['plugins/p/k', 'registry/name', 'registry/roles/web']);
});

test.each(['user', 'plugin', 'agent'] as const)('a token for a %s does not open it', async (scope) => {
  expect(await bearer(scope)).toMatchObject({ status: 401, text: 'the token is not valid here' });
});

test('nobody gets it without a token, where nobody else is asked for one either', async () => {
  expect((await ask(master.daemon, '/state')).status).toBe(200);
  expect((await ask(master.daemon, PATH)).status).toBe(401);
  expect((await ask(master.daemon, `/master${PATH}/`)).status).toBe(401);
});

test('it is read, and nothing else', async () => {
  expect((await bearer('operator', PATH, 'POST')).status).toBe(405);
  expect((await bearer('operator', '/store/v1/other')).status).toBe(404);
});
