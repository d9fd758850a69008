import type { SecretReference } from '@mezzo/sdk/api';
import { hasCode } from '@mezzo/sdk/contract';
import { MAX_SECRET_BYTES, SECRET_CODES, type SecretCode, type SecretStore } from '@mezzo/sdk/points/secret-store';
import type { SecretRequester } from '@mezzo/sdk/points/secret-store';
import type { AgentEffect } from '../../core/agent/effects.js';
import type { SecretVariable } from '../../core/agent/secrets.js';
import type { AgentState } from '../../core/agent/state.js';
import type { Clock } from '../../ports/clock.js';

type Values = Readonly<Record<string, string>>;

const DEADLINE_MS = 10_000;
/** Calls that a store has not answered. Those of launches that gave up are among them. */
const MAX_ASKED = 4096;
const MAX_SHOWN_CHARS = 100;

/** All that is repeated of what a store says. */
const WORDS: Readonly<Record<SecretCode, string>> = {
  SECRET_NOT_FOUND: 'the secret store has none of that name',
  SECRET_DENIED: 'the secret store does not give it to this task',
  SECRET_STORE_UNAVAILABLE: 'the secret store gives no answer',
};

/** Values of secrets on their way from the store to the launch. They are nowhere but here. */
export class LaunchSecrets {
  /** By container; of launches that are about to begin. */
  private readonly held = new Map<string, Values>();
  private readonly store: Promise<SecretStore | undefined>;
  private chosen!: (store: SecretStore | undefined) => void;
  private asked = 0;

  constructor(
    private readonly state: AgentState,
    private readonly clock: Clock,
  ) {
    this.store = new Promise((resolve) => (this.chosen = resolve));
  }

  /** As in the flag. */
  get wanted(): string | undefined {
    return this.state.config.secretResolver;
  }

  /** Launches wait for it. False: the one that is wanted is not among them. */
  choose(stores: readonly SecretStore[]): boolean {
    const store = stores.find(({ name }) => name === this.wanted);
    this.chosen(store);
    return store !== undefined || this.wanted === undefined;
  }

  /** All at once, unless it was killed meanwhile. Rejects in words that have nothing of a value, and of the store no more than a code. */
  async resolve(launch: Extract<AgentEffect, { type: 'prepareSandbox' }>): Promise<void> {
    const { containerId, secrets = [] } = launch;
    if (secrets.length === 0 || this.phaseOf(containerId) !== 'preparing') return;
    const over = new AbortController();
    const late = new Promise<undefined>((resolve) => over.signal.addEventListener('abort', () => resolve(undefined)));
    const cancel = this.clock.after(DEADLINE_MS, () => over.abort());
    try {
      const requester = this.requester(launch);
      const ask = async (secret: SecretVariable) => this.ask(secret, requester, over.signal, late);
      this.held.set(containerId, Object.fromEntries(await Promise.all(secrets.map(ask))));
    } finally {
      cancel();
      over.abort();
    }
  }

  /** The one launch that they are for has begun. */
  take(containerId: string): Values | undefined {
    const values = this.held.get(containerId);
    this.held.delete(containerId);
    return values;
  }

  /** It was killed meanwhile. */
  dropUnlessLaunching(containerId: string): void {
    if (this.phaseOf(containerId) !== 'launching') this.held.delete(containerId);
  }

  private phaseOf(containerId: string): string | undefined {
    const { runs, containers } = this.state;
    return (runs.get(containerId) ?? containers.get(containerId))?.phase;
  }

  private async ask(
    { variable, reference }: SecretVariable,
    requester: SecretRequester,
    signal: AbortSignal,
    late: Promise<undefined>,
  ): Promise<[string, string]> {
    const failure = (why: string) =>
      new Error(`${textOf(reference)} (environment variable ${shown(variable)}): ${why}`);
    const store = await Promise.race([this.store, late]);
    if (store === undefined && !signal.aborted)
      throw failure(`SECRET_STORE_UNAVAILABLE: no plugin brings the secret store ${this.wanted}`);
    if (store === undefined || this.asked >= MAX_ASKED) throw failure(wordsOf('SECRET_STORE_UNAVAILABLE'));
    this.asked++;
    const answer = (async () => store.resolve(reference, requester, signal))().finally(() => this.asked--);
    const value = await Promise.race([answer, late]).catch((error: unknown) => {
      throw failure(wordsOf(SECRET_CODES.find((code) => hasCode(error, code))));
    });
    if (value === undefined) throw failure(wordsOf('SECRET_STORE_UNAVAILABLE'));
    const text = decoded(value);
    if (text === undefined)
      throw failure(`its value is no UTF-8 text without NUL of at most ${MAX_SECRET_BYTES} bytes`);
    return [variable, text];
  }

  private requester({ containerId, user }: Extract<AgentEffect, { type: 'prepareSandbox' }>): SecretRequester {
    const { runs, containers, config } = this.state;
    const container = containers.get(containerId);
    const run = runs.get(container?.run ?? containerId);
    const only = run?.kind === 'command' ? [...run.tasks.keys()][0] : undefined;
    const taskId = container?.taskId ?? only;
    const { resources } = run?.tasks.get(taskId ?? '')?.info ?? run?.info ?? {};
    const role = resources?.find(({ allocationInfo }) => allocationInfo?.role !== undefined)?.allocationInfo?.role;
    const principal = this.state.frameworks.get(run?.frameworkId ?? '')?.info.principal;
    return {
      ...(run && { frameworkId: run.frameworkId, executorId: run.executorId }),
      ...(principal !== undefined && { principal }),
      ...(taskId !== undefined && { taskId }),
      ...{ containerId, user: user ?? config.user },
      ...(role !== undefined && { role }),
    };
  }
}

/** What a containerizer says of a failed launch. */
export const withoutSecrets = (message: string, secrets: Values = {}): string =>
  Object.values(secrets).some((value) => value !== '' && message.includes(value))
    ? 'the containerizer failed; its words hold a secret, and are not repeated'
    : message;

function decoded(value: string | Uint8Array): string | undefined {
  try {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return bytes.length <= MAX_SECRET_BYTES && !text.includes('\0') ? text : undefined;
  } catch {
    return undefined;
  }
}

const wordsOf = (code: SecretCode = 'SECRET_STORE_UNAVAILABLE'): string => `${code}: ${WORDS[code]}`;

const textOf = ({ name, key }: SecretReference): string =>
  `Secret ${shown(name)}${key === undefined ? '' : `, key ${shown(key)}`}`;

const shown = (text: string): string => JSON.stringify(text.slice(0, MAX_SHOWN_CHARS));
