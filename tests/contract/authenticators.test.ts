import { randomBytes } from 'node:crypto';
import { mintExecutorToken, mintToken } from '@mezzo/sdk/secrets';
import { authenticatorSuite, type Law } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';
import { BasicAuthenticator } from '../../kernel/http/auth/basic.js';
import { parseCredentials } from '../../kernel/http/auth/credentials.js';
import { clusterPrincipal, executorPrincipal, tokenReader } from '../../kernel/http/auth/token-cache.js';
import { TokenAuthenticator } from '../../kernel/http/auth/tokens.js';

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const bearer = (jwt: string) => ({ authorization: `Bearer ${jwt}` });
const key = randomBytes(32);
const claims = { fid: 'f', eid: 'e', cid: 'c' };
const minted = (uid: string, scope: 'user' | 'plugin' | 'agent', seconds: number, by = key) =>
  mintToken(by, { uid, scope }, seconds);
const marathon = await minted('marathon', 'plugin', 60);
const executor = await mintExecutorToken(key, claims);
const expired = await minted('ops', 'user', -60);
const foreign = await minted('ops', 'user', 60, randomBytes(32));
const agents = await minted('agent', 'agent', 60);

const check = (laws: Law[]) => laws.forEach(({ title, timeoutMs, run }) => it(title, { timeout: timeoutMs }, run));

describe('basic', () =>
  check(
    authenticatorSuite({
      authenticator: new BasicAuthenticator(parseCredentials('ops s3cret\ndev a:b')),
      good: [
        { headers: basic('ops:s3cret'), principal: { value: 'ops' } },
        { headers: basic('dev:a:b'), principal: { value: 'dev' } },
        {
          headers: { authorization: basic('ops:s3cret').authorization.replace('Basic', 'basic') },
          principal: { value: 'ops' },
        },
      ],
      bad: [
        basic('ops:wrong'),
        basic('ops:'),
        basic('ops'),
        basic(':s3cret'),
        basic('nobody:s3cret'),
        bearer(marathon),
      ],
    }),
  ));

describe('jwt', () =>
  check(
    authenticatorSuite({
      authenticator: new TokenAuthenticator([tokenReader(key, clusterPrincipal), tokenReader(key, executorPrincipal)]),
      good: [
        { headers: bearer(marathon), principal: { value: 'marathon' } },
        { headers: { authorization: `token=${marathon}` }, principal: { value: 'marathon' } },
        { headers: bearer(executor), principal: { claims } },
      ],
      bad: [
        bearer(marathon.slice(0, -2)),
        bearer(`${marathon.split('.', 2).join('.')}.${executor.split('.')[2]}`),
        bearer(expired),
        bearer(foreign),
        bearer(agents),
        basic('ops:s3cret'),
      ],
    }),
  ));
