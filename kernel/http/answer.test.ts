import { MezzoError } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import { errorAnswer, negotiate } from './answer.js';
import { durationText, parseDuration } from './duration.js';
import { assertMayListen, packedIp } from './listen.js';

test.each([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['application/x-protobuf;q=1, application/json;q=0.5', 'application/json'],
  ['application/x-protobuf', 'application/x-protobuf'],
  ['application/json;q=0, application/x-protobuf', 'application/x-protobuf'],
  ['application/json;q=0', undefined],
  ['text/html', undefined],
])('whoever accepts %s is answered in %s', (accept, type) => expect(negotiate(accept)).toBe(type));

test('expected failures say what they are, bugs do not show their insides', () => {
  const user = new MezzoError('X', 'wrong', { blame: 'user' });
  expect(errorAnswer(user)).toMatchObject({ status: 400, body: 'wrong' });
  expect(errorAnswer(new MezzoError('BODY_TOO_LARGE', 'big', { blame: 'user' }))).toMatchObject({ status: 413 });
  expect(errorAnswer(new TypeError('secret of the inside'))).toMatchObject({ status: 500, body: 'Internal error' });
});

test('durations are read and written in the units of the field', () => {
  const texts = ['15secs', '10mins', '2weeks', '90secs', '100ms', '1days', '1hrs'];
  expect(texts.map((text) => durationText(parseDuration(text)))).toEqual(texts);
  expect(parseDuration('1.5mins')).toBe(90_000);
  for (const text of ['15', 'secs', '15 parsecs', '', '1e3secs'])
    expect(() => parseDuration(text), text).toThrow(/not a duration/);
});

test('only loopback is served without credentials, unless the operator insists', () => {
  const guards = (insecure: boolean) => ({ tls: false, credentials: false, insecure });
  for (const ip of ['127.0.0.1', '127.1.2.3', '::1']) assertMayListen(ip, guards(false));
  for (const ip of ['0.0.0.0', '::', '10.0.0.1']) {
    expect(() => assertMayListen(ip, guards(false))).toThrowError(
      expect.objectContaining({ code: 'INSECURE_ADDRESS' }) as Error,
    );
    assertMayListen(ip, guards(true));
  }
});

test('an address is packed as MasterInfo carries it', () => {
  expect(packedIp('127.0.0.1')).toBe(16777343);
  expect(packedIp('::1')).toBe(0);
});
