import { ACTIONS, type Action } from '@mezzo/sdk/points/authorizer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAcls } from './acls.js';
import { LocalAuthorizer } from './local-authorizer.js';

const authorizer = (acls: object) => new LocalAuthorizer(parseAcls(JSON.stringify(acls)));
const ask = (acls: object, principal: string | undefined, action: Action, object?: string) =>
  authorizer(acls).approver(principal === undefined ? undefined : { value: principal }, action)(object);
const some = (...values: string[]) => ({ values });
const ANY = { type: 'ANY' };
const NONE = { type: 'NONE' };

test('what no rule matches is as `permissive` says', () => {
  for (const action of Object.keys(ACTIONS) as Action[])
    for (const permissive of [true, false]) expect(ask({ permissive }, 'p', action, 'o')).toBe(permissive);
  expect(ask({}, 'p', 'run_tasks', 'root')).toBe(true);
});

test('the first rule that matches decides', () => {
  const allow = { principals: some('p'), users: some('u') };
  const deny = { principals: ANY, users: NONE };
  expect(ask({ run_tasks: [allow, deny] }, 'p', 'run_tasks', 'u')).toBe(true);
  expect(ask({ run_tasks: [deny, allow] }, 'p', 'run_tasks', 'u')).toBe(false);
  expect(ask({ run_tasks: [allow, deny] }, 'q', 'run_tasks', 'u')).toBe(false);
  expect(ask({ run_tasks: [allow, deny] }, 'p', 'run_tasks', 'v')).toBe(false);
  expect(ask({ run_tasks: [allow] }, 'p', 'run_tasks', 'v')).toBe(true);
});

test('only foo may use analytics: NONE of the principals is nobody', () => {
  const rules = [
    { principals: some('foo'), roles: some('analytics') },
    { principals: NONE, roles: some('analytics') },
  ];
  const acls = { register_frameworks: rules };
  expect(ask(acls, 'foo', 'register_frameworks', 'analytics')).toBe(true);
  expect(ask(acls, 'bar', 'register_frameworks', 'analytics')).toBe(false);
  expect(ask(acls, undefined, 'register_frameworks', 'analytics')).toBe(false);
  expect(ask(acls, 'bar', 'register_frameworks', 'ads')).toBe(true);
});

describe('the matrix of requests and rules', () => {
  // Rows: what is asked; columns: the one rule there is. Permissive, so that true = allowed or not matched.
  const table: [object: string | undefined, rule: object, strict: boolean, permissive: boolean][] = [
    ['a', some('a', 'b'), true, true],
    ['c', some('a', 'b'), false, true],
    ['a', NONE, false, false],
    ['a', ANY, true, true],
    [undefined, some('a'), false, true],
    [undefined, NONE, false, false],
    [undefined, ANY, true, true],
  ];
  test.each(table)('%s against %j', (object, rule, strict, permissive) => {
    for (const [isPermissive, expected] of [
      [false, strict],
      [true, permissive],
    ] as const) {
      const asObject = { permissive: isPermissive, run_tasks: [{ principals: ANY, users: rule }] };
      expect(ask(asObject, 'p', 'run_tasks', object)).toBe(expected);
      const asSubject = { permissive: isPermissive, run_tasks: [{ principals: rule, users: ANY }] };
      expect(ask(asSubject, object, 'run_tasks', 'u')).toBe(expected);
    }
  });
});

test('a role that ends in /% is all roles below, and not the role itself', () => {
  const acls = { permissive: false, view_roles: [{ principals: some('p'), roles: some('eng/%', 'ads') }] };
  const seen = (role?: string) => ask(acls, 'p', 'view_roles', role);
  expect(['eng/a', 'eng/a/b', 'ads'].map(seen)).toEqual([true, true, true]);
  expect(['eng', 'engine', 'ads/a', undefined].map(seen)).toEqual([false, false, false, false]);
  expect(ask({ ...acls, run_tasks: [{ principals: ANY, users: some('eng/%') }] }, 'p', 'run_tasks', 'eng/a')).toBe(
    false,
  );
});

test('rules about other actions, and other principals, change nothing', () => {
  const entity = fc.oneof(fc.constant(ANY), fc.constant(NONE), fc.constant(some('a', 'b')));
  fc.assert(
    fc.property(entity, entity, fc.array(entity), (principals, users, others) => {
      const rule = { principals, users };
      const alone = { permissive: false, run_tasks: [rule] };
      const more = {
        ...alone,
        view_tasks: others.map((other) => ({ principals: other, users: other })),
        run_tasks: [{ principals: some('stranger'), users: NONE }, rule],
      };
      for (const principal of ['a', 'c', undefined])
        for (const user of ['a', 'c', undefined])
          expect(ask(more, principal, 'run_tasks', user)).toBe(ask(alone, principal, 'run_tasks', user));
    }),
  );
});

test.each([
  ['{', /no JSON/],
  ['[]', /must be an object/],
  ['{"permissive": "yes"}', /"permissive"/],
  ['{"run_task": []}', /no action "run_task"/],
  ['{"run_tasks": {}}', /"run_tasks" must be a list/],
  ['{"run_tasks": [{"principals": {"type": "ANY"}}]}', /run_tasks\[0\].users must be an object/],
  ['{"run_tasks": [{"principals": {"type": "ALL"}, "users": {"type": "ANY"}}]}', /principals.type must be/],
  ['{"run_tasks": [{"principals": {"type": "ANY"}, "roles": {"type": "ANY"}}]}', /and "users", not "roles"/],
  ['{"run_tasks": [{"principals": {"value": ["a"]}, "users": {"type": "ANY"}}]}', /not "value"/],
  ['{"run_tasks": [{"principals": {"values": []}, "users": {"type": "ANY"}}]}', /not empty/],
  ['{"view_flags": [{"principals": {"type": "ANY"}, "flags": {"values": ["a"]}}]}', /must be of type ANY or NONE/],
  ['{"get_endpoints": [{"principals": {"type": "ANY"}, "paths": {"values": ["/state"]}}]}', /'\/state' is none of/],
])('%s is refused, and the place is named', (text, message) => {
  expect(() => parseAcls(text)).toThrow(message);
});
