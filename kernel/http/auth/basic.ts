import type { Authentication, AuthenticationRequest, Authenticator } from '@mezzo/sdk/points/authenticator';
import type { Credentials } from './credentials.js';

/** RFC 7617 against a list of credentials. */
export class BasicAuthenticator implements Authenticator {
  readonly name = 'basic';

  constructor(private readonly credentials: Credentials) {}

  authenticate({ headers }: AuthenticationRequest, realm: string): Authentication {
    const [principal, secret] = given(headers.authorization);
    if (principal !== undefined && secret !== undefined && this.credentials.verify(principal, secret))
      return { principal: { value: principal } };
    return { challenge: `Basic realm="${realm}"` };
  }
}

/** A secret may hold colons, a name may not. */
function given(header: string | readonly string[] | undefined): [principal?: string, secret?: string] {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]{1,2048}={0,2})$/i.exec(String(header ?? '')) ?? [];
  if (encoded === undefined) return [];
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? [] : [text.slice(0, colon), text.slice(colon + 1)];
}
