import type { Principal } from '@mezzo/sdk/points/authenticator';
import type { Action, Approver, Authorizer } from '@mezzo/sdk/points/authorizer';
import type { Acls } from '../core/authorizer/acls.js';
import { LocalAuthorizer } from '../core/authorizer/local-authorizer.js';

/** Stands for an authorizer that a plugin brings. Until it is there, nobody may do anything. */
export class LateAuthorizer implements Authorizer {
  private real: Authorizer | undefined;

  constructor(readonly name: string) {}

  /** False: it is not among them. */
  choose(authorizers: readonly Authorizer[]): boolean {
    this.real = authorizers.find(({ name }) => name === this.name);
    return this.real !== undefined;
  }

  approver(principal: Principal | undefined, action: Action): Approver {
    return this.real?.approver(principal, action) ?? (() => false);
  }
}

/** Undefined: everybody may do everything. */
export function authorizerFor(flags: {
  readonly authorizers: string;
  readonly acls: { readonly value: Acls } | undefined;
}): Authorizer | undefined {
  if (flags.authorizers !== 'local') return new LateAuthorizer(flags.authorizers);
  return flags.acls && new LocalAuthorizer(flags.acls.value);
}

/** Once the plugins are there. Answers the name that none of them has. */
export const chooseAuthorizer = (
  waiting: Authorizer | undefined,
  brought: readonly Authorizer[],
): string | undefined => (waiting instanceof LateAuthorizer && !waiting.choose(brought) ? waiting.name : undefined);
