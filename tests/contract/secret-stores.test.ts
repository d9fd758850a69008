import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { secretError } from '@mezzo/sdk/points/secret-store';
import { FakeSecretStore, secretStoreSuite, silentLog, type Law } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';
import { FileSecrets } from '../../examples/file-secrets/file-secrets.js';

const check = (laws: readonly Law[]) =>
  laws.forEach(({ title, timeoutMs, run }) => it(title, { timeout: timeoutMs }, run));

const known = [
  { reference: { name: 'db', key: 'password' }, value: 'hunter2 of the db' },
  { reference: { name: 'token' }, value: 'tökens of a kind' },
];

describe('the fake', () => {
  const secrets = { 'db#password': 'hunter2 of the db', token: Buffer.from('tökens of a kind'), mine: 'for one only' };
  const on = ({ name }: { name: string }) => {
    if (name === 'mine') throw secretError('SECRET_DENIED', 'not for you');
  };
  check(
    secretStoreSuite({
      create: async () => ({ store: new FakeSecretStore({ secrets, on }) }),
      known,
      denied: [{ name: 'mine' }],
    }),
  );
});

describe('examples/file-secrets', () =>
  check(
    secretStoreSuite({
      create: async (home) => {
        chmodSync(home, 0o700);
        mkdirSync(join(home, 'db'), { mode: 0o700 });
        for (const { reference, value } of known) {
          const { name, key = '' } = reference as { name: string; key?: string };
          writeFileSync(join(home, name, key), `${value}\n`, { mode: 0o600 });
        }
        return { store: new FileSecrets(home, silentLog) };
      },
      known,
    }),
  ));
