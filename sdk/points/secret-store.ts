import type { SecretReference } from '../api/messages.js';
import { MezzoError } from '../contract/errors.js';
import { extensionPoint } from '../contract/tokens.js';

/** Who is to get it: by this a store may say SECRET_DENIED. */
export interface SecretRequester {
  /** Missing for containers that stand alone, which an operator asked for. */
  readonly frameworkId?: string;
  /** Of the framework, as the master let it register: where frameworks authenticate, it is who that is. */
  readonly principal?: string;
  readonly executorId?: string;
  /** Missing for an executor that a framework brings: it has many tasks. */
  readonly taskId?: string;
  readonly containerId: string;
  /** User of the agent's machine that it runs as. */
  readonly user: string;
  /** That its resources are allocated to. */
  readonly role?: string;
}

/** All that the agent repeats of what a store says. Anything else that is thrown counts as SECRET_STORE_UNAVAILABLE. */
export const SECRET_CODES = ['SECRET_NOT_FOUND', 'SECRET_DENIED', 'SECRET_STORE_UNAVAILABLE'] as const;
export type SecretCode = (typeof SECRET_CODES)[number];

/** Longest value, in bytes of UTF-8. */
export const MAX_SECRET_BYTES = 65_536;

/**
 * Has the values of secrets that tasks name. Chosen by name in `--secret_resolver` of an agent, which asks it between the fetching of files and the
 * launch, each time anew: several calls at once, 10 s for all of a launch. Values are in the memory of the agent until the launch, and never in its
 * checkpoints, logs or answers.
 */
export interface SecretStore {
  /** As in the flag; kebab-case. */
  readonly name: string;
  /**
   * The value: text, or its UTF-8; at most MAX_SECRET_BYTES, without NUL. Asking changes nothing. `reference` is what whoever wrote the task says: its
   * `name` is not empty; `key` is one value of a secret that has several. Rejects with a `secretError`, whose text has nothing of a value. When
   * `signal` is aborted, nobody waits any more.
   */
  resolve(
    reference: SecretReference,
    requester: SecretRequester,
    signal: AbortSignal,
  ): string | Uint8Array | Promise<string | Uint8Array>;
}

/** What a store rejects with. `message` is for whoever debugs the store: no agent repeats it. */
export const secretError = (code: SecretCode, message: string): MezzoError =>
  new MezzoError(code, message, { blame: 'operator', retryable: code === 'SECRET_STORE_UNAVAILABLE' });

export const SECRET_STORE = extensionPoint<SecretStore>('secret-store.v1');
