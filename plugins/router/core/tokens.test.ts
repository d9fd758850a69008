import { describe, expect, test } from 'vitest';
import { Attempts } from './attempts.js';
import { localRedirect } from './forms.js';
import { claimsOf, isCrossSite, presentedToken } from './tokens.js';

describe('the token of a request', () => {
  test.each([
    [{ authorization: 'token=a.b.c' }, 'a.b.c', 'header'],
    [{ authorization: 'Bearer a.b.c' }, 'a.b.c', 'header'],
    [{ authorization: 'bearer a.b.c' }, 'a.b.c', 'header'],
    [{ cookie: 'x=1; dcos-acs-auth-cookie=a.b.c; y=2' }, 'a.b.c', 'cookie'],
    [{ cookie: 'dcos-acs-auth-cookie="a.b.c"' }, 'a.b.c', 'cookie'],
    [{ authorization: 'token=a.b.c', cookie: 'dcos-acs-auth-cookie=d.e.f' }, 'a.b.c', 'header'],
    [{ authorization: 'token=broken', cookie: 'dcos-acs-auth-cookie=d.e.f' }, '', 'header'],
    [{ authorization: 'Basic abc', cookie: 'dcos-acs-auth-cookie=d.e.f' }, 'd.e.f', 'cookie'],
    [{ authorization: `token=a.${'b'.repeat(9000)}.c` }, '', 'header'],
  ] as const)('%j', (headers, jwt, from) => {
    expect(presentedToken(headers)).toEqual({ jwt, from });
  });
  test.each([[{}], [{ cookie: 'a=b' }], [{ cookie: 'dcos-acs-auth-cookie=' }], [{ authorization: 'Basic abc' }]])(
    'none: %j',
    (headers) => {
      expect(presentedToken(headers)).toBeUndefined();
    },
  );
});

describe('claims', () => {
  test.each<[Record<string, unknown>, boolean]>([
    [{ uid: 'a', scope: 'user' }, true],
    [{ uid: 'a', scope: 'operator', exp: 101 }, true],
    [{ uid: 'a', scope: 'user', exp: 100 }, false],
    [{ uid: 'a', scope: 'user', exp: '200' }, false],
    [{ uid: 'a', scope: 'user', nbf: 101 }, false],
    [{ uid: null, scope: 'user' }, false],
    [{ uid: '', scope: 'user' }, false],
    [{ scope: 'user' }, false],
    [{ uid: 'a' }, false],
    [{ uid: 'a', scope: 'agent' }, false],
    [{ uid: 'a', scope: 'plugin' }, false],
  ])('%j: %s', (payload, good) => {
    expect(claimsOf(payload, 100) !== undefined).toBe(good);
  });
});

test.each([
  ['GET', {}, false, false],
  ['GET', { origin: 'http://evil.org', host: 'a:1' }, false, false],
  ['POST', { host: 'a:1' }, false, false],
  ['POST', { origin: 'http://a:1', host: 'A:1' }, false, false],
  ['POST', { origin: 'http://evil.org', host: 'a:1' }, false, true],
  ['POST', { origin: 'null', host: 'a:1' }, false, true],
  ['DELETE', { 'sec-fetch-site': 'cross-site' }, false, true],
  ['GET', { origin: 'http://evil.org', host: 'a:1' }, true, true],
] as const)('%s with %j (upgrade: %s) is from another site: %s', (method, headers, upgrade, expected) => {
  expect(isCrossSite(headers, method, upgrade)).toBe(expected);
});

test.each([
  ['/service/a/?x=1', '/service/a/?x=1'],
  ['//evil.org', '/'],
  ['/\\evil.org', '/'],
  ['https://evil.org', '/'],
  ['/a\nb', '/'],
  [undefined, '/'],
])('after a sign-in %s leads to %s', (wanted, path) => {
  expect(localRedirect(wanted)).toBe(path);
});

describe('attempts', () => {
  test('are stopped after the limit, until the window ends', () => {
    const attempts = new Attempts({ max: 2, windowMs: 100 });
    attempts.began('a', 0);
    expect(attempts.blockedForMs('a', 1)).toBe(0);
    attempts.began('a', 50);
    expect(attempts.blockedForMs('a', 60)).toBe(40);
    expect(attempts.blockedForMs('b', 60)).toBe(0);
    expect(attempts.blockedForMs('a', 100)).toBe(0);
  });
  test('that succeed do not count, and the number of keys is bounded', () => {
    const attempts = new Attempts({ max: 1, windowMs: 100 }, 2);
    attempts.began('a', 0);
    attempts.succeeded('a');
    expect(attempts.blockedForMs('a', 1)).toBe(0);
    for (const key of ['x', 'y', 'z']) attempts.began(key, 0);
    expect(attempts.blockedForMs('x', 1)).toBe(0);
    expect(attempts.blockedForMs('z', 1)).toBe(99);
  });
});
