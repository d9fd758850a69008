import type { Authentication, AuthenticationRequest, Authenticator, Principal } from '@mezzo/sdk/points/authenticator';

/** Whose token it is; undefined when it is not valid here. Never rejects. */
export type TokenReader = (jwt: string) => Promise<Principal | undefined>;

/** Signed tokens (JWT), as `Bearer <token>` or `token=<token>`. */
export class TokenAuthenticator implements Authenticator {
  readonly name = 'jwt';

  constructor(private readonly readers: readonly TokenReader[]) {}

  async authenticate({ headers }: AuthenticationRequest, realm: string): Promise<Authentication> {
    const jwt = tokenOf(headers.authorization);
    if (jwt !== undefined) {
      for (const read of this.readers) {
        const principal = await read(jwt);
        if (principal !== undefined) return { principal };
      }
    }
    return { challenge: `Bearer realm="${realm}"` };
  }
}

/** The text of a token, as clients of Mezzo and of the field send it. */
export function tokenOf(header: string | readonly string[] | undefined): string | undefined {
  return /^(?:Bearer +|token=)([\w-]{1,4096}\.[\w-]{1,4096}\.[\w-]{1,512})$/i.exec(String(header ?? ''))?.[1];
}
