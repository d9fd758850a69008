import { describe, expect, test } from 'vitest';
import { clientHeaders, rewriteLocation, upstreamHeaders } from './headers.js';

const CLIENT = { ip: '192.0.2.9', scheme: 'http' } as const;
const PLAIN = {
  ownAuthorization: false,
  token: undefined,
  dropAcceptEncoding: false,
  upgrade: false,
  emptyBody: false,
};

describe('what an upstream gets', () => {
  test('the host that the client asked for, and where it came from', () => {
    const headers = upstreamHeaders({ host: 'a.org', 'x-forwarded-for': '10.0.0.1' }, CLIENT, PLAIN);
    expect(headers).toEqual({
      host: 'a.org',
      'x-real-ip': '192.0.2.9',
      'x-forwarded-for': '10.0.0.1, 192.0.2.9',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a.org',
    });
  });

  test('nothing that is meant for this hop alone', () => {
    const headers = upstreamHeaders(
      {
        connection: 'keep-alive, X-Secret',
        'x-secret': '1',
        'keep-alive': '5',
        te: 'trailers',
        expect: '100-continue',
        upgrade: 'h2c',
        'proxy-authorization': 'x',
      },
      CLIENT,
      PLAIN,
    );
    expect(Object.keys(headers).filter((name) => !name.startsWith('x-forwarded') && name !== 'x-real-ip')).toEqual([]);
  });

  test('the framing of its body, whatever Connection says', () => {
    const headers = upstreamHeaders(
      { connection: 'content-length, transfer-encoding, host', 'content-length': '5', host: 'a' },
      CLIENT,
      PLAIN,
    );
    expect(headers).toMatchObject({ 'content-length': '5', host: 'a' });
  });

  test("other cookies, but not the cluster's", () => {
    const cookie = 'a=1; dcos-acs-auth-cookie=x.y.z;dcos-acs-info-cookie=abc==; b=2';
    expect(upstreamHeaders({ cookie }, CLIENT, PLAIN)['cookie']).toBe('a=1; b=2');
    expect(upstreamHeaders({ cookie: 'dcos-acs-auth-cookie=x' }, CLIENT, PLAIN)['cookie']).toBeUndefined();
  });

  test('its own credentials, but not a token of the cluster; unless it is a part of the cluster', () => {
    const basic = { authorization: 'Basic abc' };
    expect(upstreamHeaders(basic, CLIENT, PLAIN)['authorization']).toBe('Basic abc');
    const ours = { authorization: 'token=a.b.c' };
    expect(upstreamHeaders(ours, CLIENT, { ...PLAIN, ownAuthorization: true })['authorization']).toBeUndefined();
    expect(upstreamHeaders(ours, CLIENT, { ...PLAIN, ownAuthorization: true, token: 'a.b.c' })['authorization']).toBe(
      'token=a.b.c',
    );
  });
});

test('apps cannot sign users in or out', () => {
  const cookies = {
    'set-cookie': ['a=1', 'dcos-acs-auth-cookie=x; Path=/'],
    connection: 'close',
    'transfer-encoding': 'chunked',
  };
  expect(clientHeaders(cookies, false)).toEqual({ 'set-cookie': ['a=1'] });
  expect(clientHeaders(cookies, true)['set-cookie']).toHaveLength(2);
});

test.each([
  ['/x?y#z', '/service/a/x?y#z'],
  ['/service/a/x', '/service/a/x'],
  ['/service/ab', '/service/a/service/ab'],
  ['http://10.0.0.5:31000/x', '/service/a/x'],
  ['http://10.0.0.5/x', '/service/a/x'],
  ['HTTP://Cluster:8000/x', '/service/a/x'],
  ['http://cluster:8000/service/a/x', '/service/a/x'],
  ['http://cluster:8000', '/service/a/'],
  ['https://cluster:8000/x', 'https://cluster:8000/x'],
  ['http://elsewhere/x', 'http://elsewhere/x'],
  ['//elsewhere/x', '//elsewhere/x'],
  ['//10.0.0.5:31000/x', '/service/a/x'],
  ['x/y', 'x/y'],
])('the Location %s becomes %s', (location, expected) => {
  const target = { scheme: 'http', host: '10.0.0.5', port: 31000, basePath: '' } as const;
  expect(rewriteLocation(location, '/service/a', target, 'cluster:8000')).toBe(expected);
});
