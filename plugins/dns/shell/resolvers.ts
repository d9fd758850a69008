import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Resolver } from './forwarder.js';

const RECHECK_MS = 5000;
const RESOLVERS_MAX = 8;

/** `ip`, `ip:port` or `[ip6]:port` as a resolver. */
export function parseResolver(text: string): Resolver {
  const match = /^\[(.+)\]:(\d+)$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text);
  const ip = match?.[1] ?? text;
  if (isIP(ip)) return { ip, port: Number(match?.[2] ?? 53) };
  throw new MezzoError('DNS_RESOLVER_INVALID', `"${text}" is no resolver: an address is needed, a port may follow`, {
    blame: 'operator',
    next: 'write plugins.dns.resolvers like ["9.9.9.9", "10.0.0.2:5353"]',
  });
}

/** The machine's own resolvers, read again when the file changes, without this very server. */
export function systemResolvers(own: Resolver, file = '/etc/resolv.conf'): () => readonly Resolver[] {
  let [checkedAt, modified, known] = [-Infinity, NaN, [] as readonly Resolver[]];
  return () => {
    if (performance.now() - checkedAt < RECHECK_MS) return known;
    checkedAt = performance.now();
    try {
      const { mtimeMs } = statSync(file);
      if (mtimeMs !== modified) known = withoutSelf(parseResolvConf(readFileSync(file, 'utf8')), own);
      modified = mtimeMs;
    } catch {
      // No such file: what was known is still the best guess.
    }
    return known;
  };
}

export function withoutSelf(resolvers: readonly Resolver[], own: Resolver): Resolver[] {
  const mine = own.ip === '0.0.0.0' || own.ip === '::' ? localAddresses() : new Set([own.ip]);
  return resolvers.filter(({ ip, port }) => port !== own.port || !mine.has(ip));
}

export function parseResolvConf(text: string): Resolver[] {
  return [...text.matchAll(/^\s*nameserver\s+([^\s#;]+)/gm)]
    .map((match) => ({ ip: match[1]!, port: 53 }))
    .filter(({ ip }) => isIP(ip))
    .slice(0, RESOLVERS_MAX);
}

function localAddresses(): Set<string> {
  return new Set(['127.0.0.1', '::1', ...interfaces().map((entry) => entry.address)]);
}

/** Addresses under which a server listening on `listenIp` can be reached. */
export function listenerAddresses(listenIp: string): string[] {
  if (listenIp !== '0.0.0.0' && listenIp !== '::') return [listenIp];
  const outside = interfaces().filter((entry) => !entry.internal && !entry.address.startsWith('fe80:'));
  return outside.map((entry) => entry.address);
}

const interfaces = () => Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
