import { expect, test } from 'vitest';
import { parseCredentials } from './credentials.js';

test('both forms of the file hold the same people', () => {
  const json = parseCredentials(
    '{"credentials": [{"principal": "ops", "secret": "s1"}, {"principal": "dev", "secret": "a:b"}]}',
  );
  const text = parseCredentials('ops s1\n\n  dev\ta:b\n');
  for (const credentials of [json, text]) {
    expect(credentials.verify('ops', 's1')).toBe(true);
    expect(credentials.verify('dev', 'a:b')).toBe(true);
    for (const [principal, secret] of [
      ['ops', 'a:b'],
      ['ops', ''],
      ['ops', 's'],
      ['ops', 's11'],
      ['', ''],
      ['who', 's1'],
    ])
      expect(credentials.verify(principal!, secret!)).toBe(false);
  }
});

test('a file that cannot be used is named by its place, and shows no secret', () => {
  const bad = [
    '{"credentials": [{"principal": "ops", "secret": "hush"',
    '{"credentials": {"ops": "hush"}}',
    '{"credentials": [{"principal": "ops"}, "hush"]}',
    '{"credentials": [{"principal": "a:b", "secret": "hush"}]}',
    '{"credentials": [{"principal": "ops", "secret": ""}]}',
    'ops hush hush',
    'hush',
    'ops hush\nops hush2',
  ];
  for (const text of bad) {
    let message = '';
    try {
      parseCredentials(text);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message, text).toMatch(/^the credentials cannot be used: /);
    expect(message).not.toContain('hush');
  }
  expect(() => parseCredentials('ops a\n\nx')).toThrow(/line 3/);
});

test('no credentials let nobody in', () => {
  expect(parseCredentials('').verify('ops', '')).toBe(false);
});
