import type { Target } from './apps.js';

export type Headers = Record<string, string | string[] | undefined>;

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
] as const;

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
  const out: Headers = { ...headers };
  dropHopByHop(out);
  // Node has answered 100-continue already.
  delete out['expect'];
  if (rules.ownAuthorization) delete out['authorization'];
  if (rules.token !== undefined) out['authorization'] = `token=${rules.token}`;
  if (rules.dropAcceptEncoding) delete out['accept-encoding'];
  if (rules.upgrade) [out['connection'], out['upgrade']] = ['Upgrade', 'websocket'];
  if (rules.emptyBody) out['content-length'] = '0';
  const cookie = withoutOwnCookies(out['cookie']);
  if (cookie === undefined) delete out['cookie'];
  else out['cookie'] = cookie;
  out['x-real-ip'] = client.ip;
  out['x-forwarded-for'] = [out['x-forwarded-for'], client.ip].flat().filter(Boolean).join(', ');
  out['x-forwarded-proto'] = client.scheme;
  if (headers['host'] !== undefined) out['x-forwarded-host'] = headers['host'];
  return out;
}

/** Headers of a response as the client gets them; apps can neither sign users in nor out. */
export function clientHeaders(headers: Headers, trusted: boolean): Headers {
  const out: Headers = { ...headers };
  dropHopByHop(out);
  delete out['transfer-encoding'];
  const cookies = [out['set-cookie'] ?? []].flat();
  if (trusted || cookies.length === 0) return out;
  const kept = cookies.filter((cookie) => !isOwnCookie(cookie));
  if (kept.length > 0) out['set-cookie'] = kept;
  else delete out['set-cookie'];
  return out;
}

/** What a Connection header may not take away: without its framing a body would be read as the next request. */
const KEPT: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'cookie', 'authorization']);

function dropHopByHop(headers: Headers): void {
  for (const part of [headers['connection'] ?? []].flat().join(',').split(',')) {
    const name = part.trim().toLowerCase();
    if (!KEPT.has(name)) delete headers[name];
  }
  for (const name of HOP_BY_HOP) delete headers[name];
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
  const match = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(location);
  if (!match || match[1]!.toLowerCase() !== target.scheme) return undefined;
  const host = match[2]!.toLowerCase();
  const literal = target.host.includes(':') ? `[${target.host}]` : target.host;
  const own = [`${literal}:${target.port}`, literal, clientHost?.toLowerCase()];
  if (!own.includes(host)) return undefined;
  return match[3]!.startsWith('/') ? match[3]! : `/${match[3]!}`;
}
