import type { Principal } from '@mezzo/sdk/points/authenticator';
import { readToken, type TokenPayload } from '@mezzo/sdk/secrets';
import { pluginClaims } from './plugin-bounds.js';
import type { TokenReader } from './tokens.js';

const MAX_KNOWN = 1000;
/** An agent has one for all that it says. */
const MAX_AGENTS = 100_000;

/** Reads tokens of one key; what was verified is remembered until it expires, since a framework shows its token with every call. */
export function tokenReader(
  key: Uint8Array,
  principalOf: (payload: TokenPayload) => Principal | undefined,
  maxKnown = MAX_KNOWN,
): TokenReader {
  const known = new Map<string, { readonly principal: Principal; readonly expiresAtMs: number }>();
  return async (jwt) => {
    const found = known.get(jwt);
    if (found !== undefined && found.expiresAtMs > Date.now()) return found.principal;
    known.delete(jwt);
    const payload = await readToken(key, jwt);
    const principal = payload && principalOf(payload);
    if (payload === undefined || principal === undefined) return undefined;
    const [oldest] = known.keys();
    if (known.size >= maxKnown && oldest !== undefined) known.delete(oldest);
    known.set(jwt, { principal, expiresAtMs: payload.exp === undefined ? Infinity : payload.exp * 1000 });
    return principal;
  };
}

/** For the API of agents. */
export const agentTokenReader = (key: Uint8Array): TokenReader =>
  tokenReader(
    key,
    ({ uid, scope }) => (scope === 'agent' && typeof uid === 'string' ? { value: uid } : undefined),
    MAX_AGENTS,
  );

const CALLERS: ReadonlySet<unknown> = new Set(['user', 'operator', 'plugin']);

/** Who a token of the cluster speaks for on the public APIs. Agents have an API of their own. */
export function clusterPrincipal(payload: TokenPayload): Principal | undefined {
  const { uid, scope } = payload;
  const isCaller = typeof uid === 'string' && uid !== '' && CALLERS.has(scope);
  return isCaller ? { value: uid, ...pluginClaims(payload) } : undefined;
}

/** An executor is known by what it is, not by a name. */
export function executorPrincipal({ fid, eid, cid }: TokenPayload): Principal | undefined {
  if (typeof fid !== 'string' || typeof eid !== 'string' || typeof cid !== 'string') return undefined;
  return { claims: { fid, eid, cid } };
}
