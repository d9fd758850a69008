import { compactVerify, SignJWT } from 'jose';
import { claimsOf, type TokenClaims } from '../core/tokens.js';

const CACHE_MAX = 10_000;
const REFUSED_MAX = 1_000;

/** Mints and verifies the cluster's HS256 tokens. What was verified once is remembered until it expires or is revoked. */
export class Tokens {
  private readonly verified = new Map<string, TokenClaims>();
  /** Only signatures that are wrong for ever: what is merely expired needs no key to tell. */
  private readonly refused = new Set<string>();
  /** Unix seconds by uid: tokens from before do not count. */
  private readonly revoked = new Map<string, number>();

  constructor(
    private readonly key: Uint8Array,
    private readonly nowSeconds: () => number = () => Math.floor(Date.now() / 1000),
  ) {}

  /** Claims of a token met before; `unknown` when it has to be verified, undefined when it is no good. */
  recall(jwt: string): TokenClaims | undefined | 'unknown' {
    if (jwt === '' || this.refused.has(jwt)) return undefined;
    const claims = this.verified.get(jwt);
    if (claims === undefined) return 'unknown';
    if (claims.expiresAt > this.nowSeconds()) return claims;
    this.verified.delete(jwt);
    return undefined;
  }

  async verify(jwt: string): Promise<TokenClaims | undefined> {
    const known = this.recall(jwt);
    if (known !== 'unknown') return known;
    const payload = await this.payloadOf(jwt);
    const claims = payload && claimsOf(payload, this.nowSeconds());
    if (claims === undefined || this.isRevoked(claims)) return undefined;
    this.verified.set(jwt, claims);
    trim(this.verified, CACHE_MAX);
    return claims;
  }

  async mint(uid: string, ttlSeconds: number, scope: TokenClaims['scope'] = 'user'): Promise<string> {
    const issuedAt = this.nowSeconds();
    return new SignJWT({ uid, scope })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ttlSeconds)
      .sign(this.key);
  }

  /** Tokens of this user that were made at `atSeconds` or before are refused from now on. */
  revoke(uid: string, atSeconds: number): void {
    this.revoked.set(uid, atSeconds);
    for (const [jwt, claims] of this.verified)
      if (claims.uid === uid && this.isRevoked(claims)) this.verified.delete(jwt);
  }

  private isRevoked({ uid, issuedAt }: TokenClaims): boolean {
    const since = this.revoked.get(uid);
    return since !== undefined && (issuedAt === undefined || issuedAt <= since);
  }

  private async payloadOf(jwt: string): Promise<Record<string, unknown> | undefined> {
    try {
      const { payload } = await compactVerify(jwt, this.key, { algorithms: ['HS256'] });
      const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
      return typeof claims === 'object' && claims !== null ? (claims as Record<string, unknown>) : undefined;
    } catch {
      this.refused.add(jwt);
      trim(this.refused, REFUSED_MAX);
      return undefined;
    }
  }
}

function trim(
  kept: { size: number; keys(): IterableIterator<string>; delete(key: string): unknown },
  max: number,
): void {
  const oldest = kept.keys().next();
  if (kept.size > max && !oldest.done) kept.delete(oldest.value);
}
