import type { IncomingMessage } from 'node:http';
import type { Principal } from '@mezzo/sdk/points/authenticator';

const principals = new WeakMap<IncomingMessage, Principal>();

export const rememberPrincipal = (request: IncomingMessage, principal: Principal): void =>
  void principals.set(request, principal);

/** Who makes the request; undefined = nobody was asked. */
export const principalOf = (request: IncomingMessage): Principal | undefined => principals.get(request);
