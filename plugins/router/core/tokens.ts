import { AUTH_COOKIE, type Headers } from './headers.js';

/** What a token says, once its signature is known to be good. */
export interface TokenClaims {
  readonly uid: string;
  readonly scope: 'user' | 'operator';
  /** Unix seconds; Infinity when it never ends. */
  readonly expiresAt: number;
  readonly issuedAt: number | undefined;
}

export interface PresentedToken {
  readonly jwt: string;
  readonly from: 'header' | 'cookie';
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
export const TOKEN_MAX_BYTES = 8192;

/** The token of a request: `token=`, then `Bearer` of the Authorization header; the cookie only when neither is there. */
export function presentedToken(headers: Headers): PresentedToken | undefined {
  const authorization = headers['authorization'];
  if (typeof authorization === 'string') {
    const match = /token=([^\s;,"]*)/.exec(authorization) ?? /^Bearer\s+(\S+)/i.exec(authorization);
    if (match) return presented(match[1]!, 'header');
  }
  const cookie = headers['cookie'];
  return typeof cookie === 'string' ? presented(cookieValue(cookie, AUTH_COOKIE) ?? '', 'cookie') : undefined;
}

/** A token that is none at all still counts as presented: it must not fall through to the cookie. */
const presented = (jwt: string, from: PresentedToken['from']): PresentedToken | undefined => {
  if (jwt === '' && from === 'cookie') return undefined;
  return { jwt: jwt.length <= TOKEN_MAX_BYTES && JWT.test(jwt) ? jwt : '', from };
};

function cookieValue(cookies: string, name: string): string | undefined {
  for (const part of cookies.split(';')) {
    const equals = part.indexOf('=');
    if (part.slice(0, equals).trim() === name)
      return part
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}

/** The claims of a payload whose signature is good; undefined when it is no token for this door, or not any more. */
export function claimsOf(payload: Readonly<Record<string, unknown>>, nowSeconds: number): TokenClaims | undefined {
  const { uid, scope, exp, iat, nbf } = payload;
  if (typeof uid !== 'string' || uid === '') return undefined;
  if (scope !== 'user' && scope !== 'operator') return undefined;
  if (exp !== undefined && (typeof exp !== 'number' || exp <= nowSeconds)) return undefined;
  if (nbf !== undefined && (typeof nbf !== 'number' || nbf > nowSeconds)) return undefined;
  return { uid, scope, expiresAt: exp ?? Infinity, issuedAt: typeof iat === 'number' ? iat : undefined };
}

/** True for a request that a foreign page made the browser send: a cookie is all that vouches for it. */
export function isCrossSite(headers: Headers, method: string, upgrade: boolean): boolean {
  if (!upgrade && ['GET', 'HEAD', 'OPTIONS'].includes(method)) return false;
  const { origin, host } = headers;
  if (headers['sec-fetch-site'] === 'cross-site') return true;
  if (typeof origin !== 'string') return false;
  return typeof host !== 'string' || origin.toLowerCase().replace(/^https?:\/\//, '') !== host.toLowerCase();
}
