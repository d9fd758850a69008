import { extensionPoint } from '../contract/tokens.js';

/**
 * Who a caller has shown to be. A person, framework or plugin has a `value`; an executor has claims alone: `fid`, `eid` and `cid`
 * (its framework, executor and container).
 */
export interface Principal {
  readonly value?: string;
  readonly claims?: Readonly<Record<string, string>>;
}

/** What an authenticator is told of a request. The body is not read yet. */
export interface AuthenticationRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Names are lower-case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * `principal`: this is who it is. `challenge`: that is not proven (401), and how to prove it, as a value of `WWW-Authenticate`.
 * `forbidden`: it is proven who it is, and that nothing may be done here (403); the text says why.
 */
export type Authentication =
  { readonly principal: Principal } | { readonly challenge: string } | { readonly forbidden: string };

/**
 * Tells by its headers who makes a request to master or agent. Chosen by name in `--http_authenticators`; several are asked in turn
 * until one answers a principal. Compares secrets in a time that does not tell how much of them was right; never logs one.
 */
export interface Authenticator {
  /** As in the flag: 'basic', 'jwt'. */
  readonly name: string;
  /** `realm` is the part of the API that is asked for: `mesos-master-readonly`. A rejection counts as a failed proof: 401. */
  authenticate(request: AuthenticationRequest, realm: string): Authentication | Promise<Authentication>;
}

export const AUTHENTICATOR = extensionPoint<Authenticator>('authenticator.v1');
