import { expect, test } from 'vitest';
import { bool, duration, loadFlags, misspelt, number, port, showFlags, text } from './flags.js';

const table = {
  ip: text('address', '127.0.0.1'),
  port: port('port', 5050),
  work_dir: text('directory', undefined, { aliases: ['root_dir'] }),
  offer_timeout: duration('how long', undefined),
  agent_ping_timeout: duration('how often', '15secs'),
  max_agent_ping_timeouts: number('how many', 5, 1, 1000),
  hostname_lookup: bool('look up', true),
  token: text('secret', 'hush', { secret: true }),
};
const load = (argv: string[], env: Record<string, string> = {}, file: Record<string, unknown> = {}) =>
  loadFlags(table, { argv, env, file, unsupported: ['hooks'] });

test('a flag beats MEZZO_, which beats MESOS_, which beats the file, which beats the default', () => {
  const env = { MEZZO_PORT: '2', MESOS_PORT: '3' };
  expect(load(['--port=1'], env, { port: 4 }).port).toBe(1);
  expect(load([], env, { port: 4 }).port).toBe(2);
  expect(load([], { MESOS_PORT: '3' }, { port: 4 }).port).toBe(3);
  expect(load([], {}, { port: 4 }).port).toBe(4);
  expect(load([]).port).toBe(5050);
});

test('names are the same with dashes and underscores, values with = and a space', () => {
  expect(load(['--work-dir', '/a', '--agent_ping_timeout=2mins'])).toMatchObject({
    work_dir: '/a',
    agent_ping_timeout: 120_000,
  });
  expect(load(['--root_dir=/b']).work_dir).toBe('/b');
});

test('booleans are switched by --x and --no-x', () => {
  expect(load(['--no-hostname_lookup']).hostname_lookup).toBe(false);
  expect(load(['--hostname-lookup']).hostname_lookup).toBe(true);
  expect(load(['--hostname_lookup=false']).hostname_lookup).toBe(false);
});

test('an unknown flag is refused with the nearest name, an unsupported one in clear words', () => {
  expect(() => load(['--wrk_dir=/a'])).toThrowError(
    expect.objectContaining({ code: 'INVALID_FLAG', next: 'did you mean --work_dir?' }),
  );
  expect(() => load(['--hooks=h'])).toThrowError(/not supported yet/);
  expect(() => load([], {}, { prot: 1 })).toThrowError(expect.objectContaining({ next: 'did you mean --port?' }));
  expect(() => load(['stray'])).toThrowError(/unexpected argument/);
});

test('a bad value names its flag', () => {
  expect(() => load(['--port=70000'])).toThrowError(/--port: '70000' is not a port/);
  expect(() => load(['--agent_ping_timeout=15'])).toThrowError(/--agent_ping_timeout: '15' is not a duration/);
});

test('secrets and flags without a value are not shown', () => {
  expect(showFlags(table, load([]))).toEqual({
    agent_ping_timeout: '15secs',
    hostname_lookup: 'true',
    ip: '127.0.0.1',
    max_agent_ping_timeouts: '5',
    port: '5050',
  });
});

test('a variable that is almost a flag is named with the flag it resembles; what is set for others is not', () => {
  const others = {
    MESOS_SANDBOX: '/s',
    MESOS_TASK_ID: 't',
    MESOS_NATIVE_JAVA_LIBRARY: 'x',
    MEZZO_URL: 'u',
    PORTT: '1',
  };
  expect(misspelt(table, { MESOS_PORT: '1', MEZZO_ROOT_DIR: '/', ...others })).toEqual([]);
  expect(misspelt(table, { MESOS_PORTT: '1', MEZZO_WROK_DIR: '/w', MESOS_IPS: '' })).toEqual([
    'MEZZO_WROK_DIR is not MEZZO_WORK_DIR, and is not heeded',
    'MESOS_PORTT is not MESOS_PORT, and is not heeded',
  ]);
});
