import assert from 'node:assert/strict';
import type { Authentication, Authenticator, Principal } from '../points/authenticator.js';
import type { Law } from './containerizer-suite.js';

export interface AuthenticatorSuiteOptions {
  readonly authenticator: Authenticator;
  /** Headers that prove who it is, and who that is. */
  readonly good: readonly { readonly headers: Headers; readonly principal: Principal }[];
  /** Headers that prove nothing: wrong secrets, damaged ones, those of others. */
  readonly bad: readonly Headers[];
}

type Headers = Readonly<Record<string, string>>;

const LAW_TIMEOUT_MS = 10_000;
const REALM = 'mesos-master-readonly';

/** What every authenticator must hold to. */
export function authenticatorSuite({ authenticator, good, bad }: AuthenticatorSuiteOptions): Law[] {
  const law = (title: string, run: () => Promise<void>): Law => ({ title, timeoutMs: LAW_TIMEOUT_MS, run });
  const ask = async (headers: Headers, realm = REALM): Promise<Authentication> =>
    authenticator.authenticate({ method: 'GET', path: '/state', headers }, realm);
  return [
    law('who proves who it is gets that principal, each time', async () => {
      for (const { headers, principal } of good)
        for (let time = 0; time < 2; time++) assert.deepEqual(await ask(headers), { principal });
    }),
    law('who proves nothing is challenged, and the challenge names the realm', async () => {
      for (const headers of [{}, ...bad]) {
        const answer = await ask(headers);
        assert.ok('challenge' in answer, `${JSON.stringify(headers)} was not challenged`);
        assert.match(answer.challenge, new RegExp(`^[A-Za-z]+ realm="${REALM}"`));
      }
    }),
    law('no challenge repeats what was sent', async () => {
      for (const headers of bad) {
        const { challenge } = (await ask(headers)) as { challenge: string };
        for (const sent of Object.values(headers)) assert.ok(sent === '' || !challenge.includes(sent));
      }
    }),
    law('junk is challenged like any failed proof', async () => {
      const junk = [
        '',
        ' ',
        'Basic',
        'Bearer',
        'Basic \u0000',
        `Basic ${'A'.repeat(100_000)}`,
        'Bearer a.b.c',
        'x'.repeat(70_000),
      ];
      for (const authorization of junk)
        assert.ok('challenge' in (await ask({ authorization })), authorization.slice(0, 20));
    }),
  ];
}
