import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { SecretReference } from '../api/messages.js';
import { hasCode } from '../contract/errors.js';
import {
  MAX_SECRET_BYTES,
  SECRET_CODES,
  type SecretCode,
  type SecretRequester,
  type SecretStore,
} from '../points/secret-store.js';
import type { Law } from './containerizer-suite.js';

export interface SecretStoreSuiteOptions {
  /** A store that has `known`, which may lie in the directory `home`. */
  create(home: string): Promise<{ readonly store: SecretStore; stop?(): Promise<void> }>;
  /** Secrets that it has; none has a value that another's name or the word 'secret' has a part of. */
  readonly known: readonly { readonly reference: SecretReference; readonly value: string }[];
  /** Secrets that it has, and does not give. */
  readonly denied?: readonly SecretReference[];
  /** Who asks. */
  readonly requester?: SecretRequester;
}

type Check = (bench: Bench) => Promise<void>;

const LAW_TIMEOUT_MS = 20_000;
/** What an agent waits for. */
const ANSWER_MS = 10_000;
const REQUESTER: SecretRequester = {
  ...{
    frameworkId: 'F',
    principal: 'scheduler',
    executorId: 'task',
    taskId: 'task',
    containerId: 'c',
    user: 'nobody',
    role: '*',
  },
};
/** Frameworks choose names: a store takes any. */
const ODD = [
  '..',
  '.',
  '/',
  '../../etc/passwd',
  '/etc/passwd',
  'a/../../b',
  'a//b',
  'a/',
  '\0',
  'a\nb',
  'é\u202e',
  '%2e%2e/x',
  'x'.repeat(10_000),
];

/** What every secret store must hold to. The caller hands each law to its test runner. */
export function secretStoreSuite(options: SecretStoreSuiteOptions): Law[] {
  return LAWS.map(([title, check]) => ({ title, timeoutMs: LAW_TIMEOUT_MS, run: () => Bench.run(options, check) }));
}

const LAWS: readonly (readonly [string, Check])[] = [
  ['its name is in kebab-case', async ({ store }) => assert.match(store.name, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)],
  [
    'what it has it gives, the same each time, and as text that a variable can hold',
    async (bench) => {
      for (let time = 0; time < 3; time++)
        for (const { reference, value } of bench.known) await bench.gives(reference, value);
    },
  ],
  [
    'what it does not have is SECRET_NOT_FOUND, however often it is asked',
    async (bench) => {
      const missing = [{ name: 'no-such' }, { name: 'no/such', key: 'k' }];
      const keys = bench.known.map(({ reference: { name } }) => ({ name, key: 'no-such-key' }));
      for (let time = 0; time < 2; time++)
        for (const reference of [...missing, ...keys]) await bench.refuses(reference, ['SECRET_NOT_FOUND']);
    },
  ],
  [
    'names and keys that lead elsewhere, or nowhere, are refused with a code',
    async (bench) => {
      for (const name of ODD) await bench.refuses({ name }, SECRET_CODES);
      for (const { reference } of bench.known)
        for (const key of ODD) await bench.refuses({ name: reference.name, key }, SECRET_CODES);
    },
  ],
  [
    'what it has and does not give is SECRET_DENIED',
    async (bench) => {
      for (const reference of bench.denied) await bench.refuses(reference, ['SECRET_DENIED']);
    },
  ],
  [
    'calls at once are answered each with its own',
    async (bench) => {
      const asks = Array.from({ length: 64 }, (_, n) => bench.known[n % bench.known.length]!);
      await Promise.all(
        asks.flatMap(({ reference, value }, n) => [
          bench.gives(reference, value),
          bench.refuses({ name: `no-such-${n}` }, ['SECRET_NOT_FOUND']),
        ]),
      );
    },
  ],
  [
    'a call that nobody waits for comes to an end, and harms no other',
    async (bench) => {
      for (const { reference, value } of bench.known) {
        await bench.ask(reference, AbortSignal.abort()).catch((error: unknown) => bench.hasOneOf(error, SECRET_CODES));
        await bench.gives(reference, value);
      }
    },
  ],
];

class Bench {
  readonly known: SecretStoreSuiteOptions['known'];
  readonly denied: readonly SecretReference[];
  private readonly requester: SecretRequester;

  private constructor(
    { known, denied = [], requester = REQUESTER }: SecretStoreSuiteOptions,
    readonly store: SecretStore,
  ) {
    assert.ok(known.length >= 2, 'give at least two secrets that it has');
    this.known = known;
    this.denied = denied;
    this.requester = requester;
  }

  static async run(options: SecretStoreSuiteOptions, law: Check): Promise<void> {
    const home = await mkdtemp(join(tmpdir(), 'mezzo-secrets-'));
    const life = await options.create(home);
    try {
      await law(new Bench(options, life.store));
    } finally {
      await life.stop?.();
      await rm(home, { recursive: true, force: true });
    }
  }

  /** Within the time that an agent waits. */
  async ask(reference: SecretReference, signal = new AbortController().signal): Promise<string | Uint8Array> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_MS);
    });
    try {
      return await Promise.race([(async () => this.store.resolve(reference, this.requester, signal))(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async gives(reference: SecretReference, value: string): Promise<void> {
    const bytes = Buffer.from(await this.ask(reference));
    assert.equal(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), value);
    assert.ok(bytes.length <= MAX_SECRET_BYTES && !bytes.includes(0));
  }

  async refuses(reference: SecretReference, codes: readonly SecretCode[]): Promise<void> {
    const shown = JSON.stringify(reference).slice(0, 100);
    await this.ask(reference).then(
      () => assert.fail(`${shown} was given`),
      (error: unknown) => this.hasOneOf(error, codes, shown),
    );
  }

  /** And nothing in it, however it is looked at, is a value. */
  hasOneOf(error: unknown, codes: readonly SecretCode[], about = ''): void {
    assert.ok(
      error instanceof Error && 'blame' in error,
      `${about}: it rejects with something else than a secretError`,
    );
    assert.ok(
      codes.some((code) => hasCode(error, code)),
      `${about}: ${inspect(error)} has none of the codes ${codes.join(', ')}`,
    );
    const words = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
    for (const { value } of this.known) assert.ok(value === '' || !words.includes(value), 'an error holds a value');
  }
}
