import { secretError, type SecretStore } from '@mezzo/sdk/points/secret-store';
import { FakeSecretStore, type FakeSecretStoreOptions } from '@mezzo/sdk/testing';
import { expect, test } from 'vitest';
import type { AgentEffect } from '../../core/agent/effects.js';
import {
  createAgentState,
  type AgentConfig,
  type AgentFramework,
  type Run,
  type Task,
} from '../../core/agent/state.js';
import { LaunchSecrets, withoutSecrets } from './launch-secrets.js';

const VALUE = 'hunter2-of-all';
const STORE = { 'db/password': VALUE, 'db/password#old': 'before' };

const run = (): Run =>
  ({ frameworkId: 'F', executorId: 't', kind: 'command', info: {}, tasks: new Map() }) as unknown as Run;

/** Time goes on by `pass` alone. */
function open(options: Partial<FakeSecretStoreOptions> = {}, stores?: readonly SecretStore[]) {
  const state = createAgentState({ secretResolver: 'fake', user: 'me' } as AgentConfig);
  state.runs.set('c', { ...run(), phase: 'preparing' });
  const timers = new Set<() => void>();
  const after = (_: number, callback: () => void) => {
    timers.add(callback);
    return () => void timers.delete(callback);
  };
  const secrets = new LaunchSecrets(state, { nowMs: () => 0, after });
  const store = new FakeSecretStore({ secrets: STORE, ...options });
  const isThere = secrets.choose(stores ?? [store]);
  return { state, secrets, store, isThere, timers, pass: () => timers.forEach((fire) => fire()) };
}
type Launch = Extract<AgentEffect, { type: 'prepareSandbox' }>;
const launch = (...secrets: NonNullable<Launch['secrets']>): Launch => ({
  ...{ type: 'prepareSandbox', containerId: 'c', directory: '/d', user: undefined, uris: [], volumes: [], secrets },
});
const db = { variable: 'DB', reference: { name: 'db/password' } };
const words = (answer: Promise<void>): Promise<string> =>
  answer.then(
    () => 'resolved',
    (error: unknown) => (error as Error).message,
  );

test('what a store has is there for one launch, and then nowhere', async () => {
  const { secrets } = open();
  await secrets.resolve(launch(db, { variable: 'OLD', reference: { name: 'db/password', key: 'old' } }));
  expect(secrets.take('c')).toEqual({ DB: VALUE, OLD: 'before' });
  expect(secrets.take('c')).toBeUndefined();
});

test('who asks for it is told to the store', async () => {
  const { secrets, store, state } = open();
  const info = { taskId: { value: 't' }, resources: [{ allocationInfo: { role: 'dev' } }] };
  state.runs.get('c')!.tasks.set('t', { info } as Task);
  state.frameworks.set('F', { info: { principal: 'p' } } as AgentFramework);
  await secrets.resolve({ ...launch(db), user: 'bob' });
  const requester = {
    frameworkId: 'F',
    principal: 'p',
    executorId: 't',
    taskId: 't',
    containerId: 'c',
    user: 'bob',
    role: 'dev',
  };
  expect(store.asked).toEqual([{ reference: { name: 'db/password' }, requester }]);
});

test('one that was killed meanwhile leaves no value behind', async () => {
  const { secrets, state } = open();
  const then = async (phase: Run['phase']) => {
    state.runs.set('c', { ...run(), phase: 'preparing' });
    await secrets.resolve(launch(db));
    state.runs.set('c', { ...run(), phase });
    secrets.dropUnlessLaunching('c');
    return secrets.take('c');
  };
  expect(await then('ended')).toBeUndefined();
  expect(await then('launching')).toEqual({ DB: VALUE });
});

test('nothing is asked for what was killed before', async () => {
  const { secrets, state, store } = open();
  state.runs.set('c', { ...run(), phase: 'ended' });
  await secrets.resolve(launch(db));
  state.runs.delete('c');
  await secrets.resolve(launch(db));
  expect(store.asked).toEqual([]);
});

test.each([
  ['SECRET_NOT_FOUND', 'the secret store has none of that name'],
  ['SECRET_DENIED', 'the secret store does not give it to this task'],
  ['SECRET_STORE_UNAVAILABLE', 'the secret store gives no answer'],
] as const)('a store that says %s is repeated by that code, and not by its words', async (code, sentence) => {
  const on = () => {
    throw secretError(code, `not ${VALUE}`);
  };
  const { secrets, timers } = open({ on });
  expect(await words(secrets.resolve(launch(db)))).toBe(
    `Secret "db/password" (environment variable "DB"): ${code}: ${sentence}`,
  );
  expect(secrets.take('c')).toBeUndefined();
  expect(timers.size).toBe(0);
});

test('anything else that a store throws counts as no answer', async () => {
  const on = () => {
    throw Object.assign(new Error(VALUE), { code: VALUE });
  };
  const { secrets } = open({ on });
  const said = await words(secrets.resolve(launch(db)));
  expect(said).toContain('SECRET_STORE_UNAVAILABLE');
  expect(said).not.toContain(VALUE);
});

test('a store that does not answer in time is told so, and so is the launch', async () => {
  let told: AbortSignal | undefined;
  const { secrets, pass, store } = open({ on: (_, signal) => ((told = signal), new Promise(() => {})) });
  const said = words(secrets.resolve(launch(db)));
  await expect.poll(() => store.asked.length).toBe(1);
  expect(told?.aborted).toBe(false);
  pass();
  expect(await said).toContain('"DB"): SECRET_STORE_UNAVAILABLE');
  expect(told?.aborted).toBe(true);
});

test('launches wait for the store until plugins are there, and fail without it', async () => {
  const late = new LaunchSecrets(open().state, { nowMs: () => 0, after: () => () => {} });
  const resolving = late.resolve(launch(db));
  expect(
    late.choose([new FakeSecretStore({ name: 'other', secrets: {} }), new FakeSecretStore({ secrets: STORE })]),
  ).toBe(true);
  await resolving;
  expect(late.take('c')).toEqual({ DB: VALUE });
  const { secrets, isThere } = open({}, []);
  expect(isThere).toBe(false);
  expect(await words(secrets.resolve(launch(db)))).toContain(
    'SECRET_STORE_UNAVAILABLE: no plugin brings the secret store fake',
  );
});

test.each([
  ['that is too long', 'x'.repeat(65_537)],
  ['with a NUL', 'a\0b'],
  ['that is no text', new Uint8Array([0xff, 0xfe])],
  ['that is nothing at all', undefined as unknown as string],
])('a value %s fails the launch, and is not shown', async (_, value) => {
  const { secrets } = open({ secrets: { 'db/password': value } });
  expect(await words(secrets.resolve(launch(db)))).toMatch(
    /^Secret "db\/password" \(environment variable "DB"\): (its value is no UTF-8 text without NUL of at most 65536 bytes|SECRET_STORE_UNAVAILABLE: .*)$/,
  );
});

test('text and bytes are the same value, to the last byte that is allowed', async () => {
  const value = `é${'x'.repeat(65_534)}`;
  const { secrets } = open({ secrets: { 'db/password': Buffer.from(value) } });
  await secrets.resolve(launch(db));
  expect(secrets.take('c')).toEqual({ DB: value });
});

test('names of variables and secrets are shown escaped, and not in full length', async () => {
  const { secrets } = open();
  const reference = { name: `a\n${'x'.repeat(1000)}`, key: '\u001b[2J' };
  const said = await words(secrets.resolve(launch({ variable: 'V', reference })));
  expect(said).toBe(
    `Secret "a\\n${'x'.repeat(98)}", key "\\u001b[2J" (environment variable "V"): SECRET_NOT_FOUND: the secret store has none of that name`,
  );
});

test('what a containerizer says of a failed launch is repeated unless a value is in it', () => {
  expect(withoutSecrets('no such file', { DB: VALUE, E: '' })).toBe('no such file');
  expect(withoutSecrets(`cannot set DB=${VALUE}`, { DB: VALUE })).not.toContain(VALUE);
});
