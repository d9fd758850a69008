export { authorityFile, CertificateAuthority, renewInMs, requirePair, type Certified } from './certificates.js';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MezzoError, type PluginPermissions } from '../contract/index.js';

/** What a token of the cluster is for. `user` tokens are the router's; the others never leave the daemons. */
export type TokenScope = 'user' | 'agent' | 'plugin' | 'operator';

export interface TokenClaims {
  readonly uid: string;
  readonly scope: TokenScope;
  /** Of scope `plugin`: what its manifest declares. */
  readonly may?: Pick<PluginPermissions, 'roles' | 'operator'>;
}

const KEY_BYTES = 32;

/** The cluster's HS256 key in `<secrets>/cluster.key` (0600), made on first use. Throws KEY_DAMAGED for less than a whole one. */
export function clusterKey(secretsDir: string): Uint8Array {
  const file = join(secretsDir, 'cluster.key');
  mkdirSync(secretsDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, randomBytes(KEY_BYTES).toString('hex'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
  if (key.length >= KEY_BYTES) return key;
  throw new MezzoError('KEY_DAMAGED', `${file} holds no key of ${KEY_BYTES} bytes in hexadecimal digits`, {
    blame: 'operator',
    next: 'put back a copy, or remove the file: a new key is made, and nobody believes what the old one has signed',
  });
}

export async function mintToken(key: Uint8Array, claims: TokenClaims, ttlSeconds: number): Promise<string> {
  const { SignJWT } = await import('jose');
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(`${ttlSeconds}s`).sign(key);
}

/** What a token says, once its signature is known to be good. */
export type TokenPayload = Readonly<Record<string, unknown>> & {
  /** Unix seconds. */
  readonly exp?: number;
};

/** Undefined when it is forged or expired. */
export async function readToken(key: Uint8Array, jwt: string): Promise<TokenPayload | undefined> {
  const { jwtVerify } = await import('jose');
  try {
    return (await jwtVerify(jwt, key, { algorithms: ['HS256'] })).payload as TokenPayload;
  } catch {
    return undefined; // why tells nobody but an attacker anything
  }
}

/** What an executor shows to its agent: it lives as long as the executor. */
export async function mintExecutorToken(
  key: Uint8Array,
  claims: { readonly fid: string; readonly eid: string; readonly cid: string },
): Promise<string> {
  const { SignJWT } = await import('jose');
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(key);
}

/** Rejects with TOKEN_INVALID: forged, expired, or of another scope. */
export async function verifyToken(key: Uint8Array, jwt: string, ...scopes: TokenScope[]): Promise<TokenClaims> {
  const { uid, scope, may } = ((await readToken(key, jwt)) ?? {}) as Partial<TokenClaims>;
  if (typeof uid === 'string' && scope !== undefined && scopes.includes(scope))
    return { uid, scope, ...(may && { may }) };
  throw new MezzoError('TOKEN_INVALID', 'the token is not valid here', {
    blame: 'user',
    next: 'log in again, or use the token file of this cluster',
  });
}

const JOIN_TOKEN_SECONDS = 365 * 24 * 3600;

/** The token that admits agents, in `<secrets>/join.token` (0600), good for a year; left alone for the first half of it. */
export async function keepJoinToken(secretsDir: string): Promise<void> {
  const file = join(secretsDir, 'join.token');
  const key = clusterKey(secretsDir);
  const { exp = 0 } = existsSync(file) ? ((await readToken(key, readFileSync(file, 'utf8').trim())) ?? {}) : {};
  if (exp > Date.now() / 1000 + JOIN_TOKEN_SECONDS / 2) return;
  writeSecret(file, await mintToken(key, { uid: 'agent', scope: 'agent' }, JOIN_TOKEN_SECONDS));
}

/** Writes a secret for one reader: 0600, parents 0700. */
export function writeSecret(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode: 0o600 });
  chmodSync(file, 0o600);
}
