import type { SecretReference } from '../api/messages.js';
import { secretError, type SecretRequester, type SecretStore } from '../points/secret-store.js';

export interface FakeSecretStoreOptions {
  /** Default: 'fake'. */
  readonly name?: string;
  /** Values by 'name', or 'name#key'. */
  readonly secrets: Readonly<Record<string, string | Uint8Array>>;
  /** Called first in each call: may throw, or never resolve. */
  readonly on?: (reference: SecretReference, signal: AbortSignal) => void | Promise<void>;
}

/** Has what the test says, and remembers who asked. */
export class FakeSecretStore implements SecretStore {
  readonly name: string;
  readonly asked: { readonly reference: SecretReference; readonly requester: SecretRequester }[] = [];

  constructor(private readonly options: FakeSecretStoreOptions) {
    this.name = options.name ?? 'fake';
  }

  async resolve(
    reference: SecretReference,
    requester: SecretRequester,
    signal: AbortSignal,
  ): Promise<string | Uint8Array> {
    this.asked.push({ reference, requester });
    await this.options.on?.(reference, signal);
    const { name, key } = reference;
    const id = key === undefined ? name : `${name}#${key}`;
    const { secrets } = this.options;
    if (Object.hasOwn(secrets, id)) return secrets[id]!;
    throw secretError('SECRET_NOT_FOUND', 'there is no such secret');
  }
}
