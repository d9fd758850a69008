import type { Target } from './apps.js';

export type Headers = Record<string, string | string[] | undefined>;

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
]);

export const AUTH_COOKIE = 'dcos-acs-auth-cookie';
export const INFO_COOKIE = 'dcos-acs-info-cookie';

export interface Client {
  readonly ip: string;
  readonly scheme: 'http' | 'https';
}

export interface RequestRules {
  /** The Authorization header carries a token of this cluster. */
  readonly ownAuthorization: boolean;
  /** Goes to a part of the cluster that may see it; undefined for all others. */
  readonly token: string | undefined;
  readonly dropAcceptEncoding: boolean;
  /** WebSocket: the upgrade is meant for the upstream. */
  readonly upgrade: boolean;
  /** The method asks for a body, and there is none. */
  readonly emptyBody: boolean;
}

/** Headers of a request as the upstream gets them. Names are lower-case. */
export function upstreamHeaders(headers: Headers, client: Client, rules: RequestRules): Headers {
  const out = endToEnd(headers, isForUpstream);
  if (rules.ownAuthorization) out['authorization'] = undefined;
  if (rules.token !== undefined) out['authorization'] = `token=${rules.token}`;
  if (rules.dropAcceptEncoding) out['accept-encoding'] = undefined;
  if (rules.upgrade) [out['connection'], out['upgrade']] = ['Upgrade', 'websocket'];
  if (rules.emptyBody) out['content-length'] = '0';
  if (headers['cookie'] !== undefined) out['cookie'] = withoutOwnCookies(headers['cookie']);
  const forwarded = headers['x-forwarded-for'];
  out['x-real-ip'] = client.ip;
  out['x-forwarded-for'] = forwarded === undefined ? client.ip : `${[forwarded].flat().join(', ')}, ${client.ip}`;
  out['x-forwarded-proto'] = client.scheme;
  out['x-forwarded-host'] = headers['host'];
  return defined(out);
}

/** Headers as plugins see them that are asked about a request: never a token of this cluster. */
export function headersForMiddleware(headers: Headers, seesCredentials: boolean, ownAuthorization: boolean): Headers {
  const out = endToEnd(headers, isForUpstream);
  const cookie = seesCredentials ? withoutOwnCookies(headers['cookie']) : undefined;
  const authorization = seesCredentials && !ownAuthorization ? headers['authorization'] : undefined;
  return defined({ ...out, cookie, authorization });
}

/** Headers of a response as the client gets them; apps can neither sign users in nor out. */
export function clientHeaders(headers: Headers, trusted: boolean): Headers {
  const out = endToEnd(headers, isForClient);
  const cookies = headers['set-cookie'];
  if (trusted || cookies === undefined) return out;
  const kept = [cookies].flat().filter((cookie) => !isOwnCookie(cookie));
  out['set-cookie'] = kept.length > 0 ? kept : undefined;
  return defined(out);
}

/** A document of its own origin, which has no cookie, no storage and no way to read what the router serves; and nobody may frame it. */
const SANDBOX = "sandbox allow-scripts allow-forms; frame-ancestors 'none'";

/** What a plugin answers may be a page; whatever policy of its own it has holds, too. */
export function sandboxed(headers: Headers): Headers {
  const { 'content-security-policy': own } = headers;
  const all = [...(own === undefined ? [] : [own].flat()), SANDBOX];
  return { ...headers, 'content-security-policy': all, 'x-content-type-options': 'nosniff' };
}

/** Node has answered 100-continue already. */
const isForUpstream = (name: string): boolean => !HOP_BY_HOP.has(name) && name !== 'expect';
const isForClient = (name: string): boolean => !HOP_BY_HOP.has(name) && name !== 'transfer-encoding';

/** What a Connection header may not take away: without its framing a body would be read as the next request. */
const KEPT: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'cookie', 'authorization']);

/** A copy without what is for this hop alone. (Deleting from a copy would cost more than all else here.) */
function endToEnd(headers: Headers, keep: (name: string) => boolean): Headers {
  const named = namedByConnection(headers['connection']);
  const out: Headers = {};
  for (const name in headers) {
    if (keep(name) && !(named?.has(name) && !KEPT.has(name))) out[name] = headers[name];
  }
  return out;
}

function namedByConnection(connection: string | string[] | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = [connection].flat().join(',').split(',');
  return new Set(names.map((name) => name.trim().toLowerCase()));
}

/** Node takes no header that is undefined. */
function defined(headers: Headers): Headers {
  const out: Headers = {};
  for (const name in headers) if (headers[name] !== undefined) out[name] = headers[name];
  return out;
}

function withoutOwnCookies(cookie: string | string[] | undefined): string | undefined {
  if (cookie === undefined) return undefined;
  const all = [cookie].flat().join('; ');
  if (!all.includes('dcos-acs-')) return all;
  const kept = all.split(';').filter((part) => !isOwnCookie(part));
  return kept.length > 0 ? kept.map((part) => part.trim()).join('; ') : undefined;
}

const isOwnCookie = (cookie: string): boolean => {
  const name = cookie.slice(0, cookie.indexOf('=')).trim();
  return name === AUTH_COOKIE || name === INFO_COOKIE;
};

/**
 * A Location of the upstream as the client must see it. Paths, and URLs of the upstream's own scheme that name it or the host
 * that the client asked for, get the prefix; all else is left alone.
 */
export function rewriteLocation(
  location: string,
  prefix: string,
  target: Target,
  clientHost: string | undefined,
): string {
  const path = localPath(location, target, clientHost);
  if (path === undefined) return location;
  return path === prefix || path.startsWith(`${prefix}/`) || path.startsWith(`${prefix}?`) ? path : prefix + path;
}

function localPath(location: string, target: Target, clientHost: string | undefined): string | undefined {
  if (location.startsWith('/') && !location.startsWith('//')) return location;
  const match = /^(?:(https?):)?\/\/([^/?#]*)(.*)$/i.exec(location);
  if (!match || (match[1] ?? target.scheme).toLowerCase() !== target.scheme) return undefined;
  const host = match[2]!.toLowerCase();
  const literal = target.host.includes(':') ? `[${target.host}]` : target.host;
  const own = [`${literal}:${target.port}`, literal, clientHost?.toLowerCase()];
  if (!own.includes(host)) return undefined;
  return match[3]!.startsWith('/') ? match[3]! : `/${match[3]!}`;
}
