import assert from 'node:assert/strict';
import type { Principal } from '../points/authenticator.js';
import { ACTIONS, type Action, type Authorizer } from '../points/authorizer.js';
import type { Law } from './containerizer-suite.js';

/** A question and its right answer. */
export interface Verdict {
  readonly principal?: Principal;
  readonly action: Action;
  readonly object?: string;
  readonly allowed: boolean;
}

export interface AuthorizerSuiteOptions {
  readonly authorizer: Authorizer;
  readonly verdicts: readonly Verdict[];
}

const LAW_TIMEOUT_MS = 10_000;
const OBJECTS = [undefined, '', '*', 'web', 'web/a', '%', '/', '\u0000', 'x'.repeat(10_000)];
const PRINCIPALS: readonly (Principal | undefined)[] = [undefined, {}, { value: '' }, { value: 'ops' }, { claims: {} }];

/** What every authorizer must hold to. */
export function authorizerSuite({ authorizer, verdicts }: AuthorizerSuiteOptions): Law[] {
  const law = (title: string, run: () => void): Law => ({ title, timeoutMs: LAW_TIMEOUT_MS, run: async () => run() });
  return [
    law('it allows and denies as it should', () => {
      for (const verdict of verdicts) {
        const { principal, action, object, allowed } = verdict;
        assert.equal(authorizer.approver(principal, action)(object), allowed, JSON.stringify(verdict));
      }
    }),
    law('it answers at once, with true or false, whatever it is asked, and the same each time', () => {
      for (const action of Object.keys(ACTIONS) as Action[])
        for (const principal of PRINCIPALS) {
          const kept = authorizer.approver(principal, action);
          for (const object of OBJECTS) {
            const answer: unknown = kept(object);
            assert.equal(typeof answer, 'boolean');
            assert.equal(kept(object), answer);
            assert.equal(authorizer.approver(principal, action)(object), answer);
          }
        }
    }),
    law('who is known by claims alone may do nothing by name', () => {
      for (const action of Object.keys(ACTIONS) as Action[])
        for (const object of OBJECTS)
          assert.equal(authorizer.approver({ claims: { cid: 'c' } }, action)(object), false, action);
    }),
  ];
}
