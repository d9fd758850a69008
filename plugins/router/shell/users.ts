import { createHash, randomBytes } from 'node:crypto';
import type { PluginStore } from '@mezzo/sdk/contract';
import type { PasswordHash } from './passwords.js';

export interface User {
  readonly uid: string;
  readonly description: string;
  readonly password: PasswordHash;
  readonly createdAt: string;
}

const USERS = 'users/';
const CODES = 'codes/';
const REVOKED = 'revoked/';

/** Users, one-time sign-in codes and revocations in the plugin's store. Everything rejects when the store is away. */
export class Users {
  constructor(private readonly store: PluginStore) {}

  async get(uid: string): Promise<User | undefined> {
    return parse<User>((await this.store.get(USERS + uid))?.value);
  }

  async list(): Promise<User[]> {
    const entries = await this.store.list(USERS);
    return entries.map((entry) => parse<User>(entry.value)).filter((user) => user !== undefined);
  }

  async put(user: User): Promise<void> {
    await this.store.commit([{ op: 'put', key: USERS + user.uid, value: JSON.stringify(user) }]);
  }

  /** The password is another one now, or the user is gone: tokens made until then do not count any more. */
  async replace(uid: string, user: User | undefined, atSeconds: number): Promise<void> {
    const write = user
      ? ({ op: 'put', key: USERS + uid, value: JSON.stringify(user) } as const)
      : ({ op: 'delete', key: USERS + uid } as const);
    await this.store.commit([write, { op: 'put', key: REVOKED + uid, value: String(atSeconds) }]);
  }

  async revocations(): Promise<[uid: string, atSeconds: number][]> {
    return (await this.store.list(REVOKED)).map((entry) => [entry.key.slice(REVOKED.length), Number(entry.value)]);
  }

  /** A code that signs this user in once. Only its hash is kept. */
  async createCode(uid: string, expiresAtMs: number): Promise<string> {
    const code = randomBytes(24).toString('base64url');
    await this.store.commit([{ op: 'put', key: CODES + digest(code), value: JSON.stringify({ uid, expiresAtMs }) }]);
    return code;
  }

  /** Who the code stands for; it is used up then. */
  async redeemCode(code: string, nowMs: number): Promise<string | undefined> {
    const key = CODES + digest(code);
    if (this.redeeming.has(key)) return undefined;
    this.redeeming.add(key);
    try {
      const entry = parse<{ uid: string; expiresAtMs: number }>((await this.store.get(key))?.value);
      if (entry === undefined) return undefined;
      await this.store.commit([{ op: 'delete', key }]);
      return entry.expiresAtMs > nowMs && (await this.get(entry.uid)) ? entry.uid : undefined;
    } finally {
      this.redeeming.delete(key);
    }
  }
  private readonly redeeming = new Set<string>();
}

const digest = (code: string): string => createHash('sha256').update(code).digest('hex');

function parse<T>(text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}
