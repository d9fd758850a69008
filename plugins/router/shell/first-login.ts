import { randomBytes } from 'node:crypto';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import type { Passwords } from './passwords.js';
import type { Users } from './users.js';

export const FIRST_UID = 'admin';
const CODE_TTL_MS = 15 * 60_000;
const RETRY_MAX_MS = 5000;

export interface FirstLogin {
  readonly users: Users;
  readonly passwords: Passwords;
  readonly stateDir: string;
  /** Base URL for the sign-in link. */
  readonly url: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Creates the first user when there is none, and leaves name, password and a one-time link in `first-login.json` (0600) for whoever
 * started the cluster. The store may be away for a while: it is tried until it is there.
 */
export async function ensureFirstLogin(first: FirstLogin): Promise<void> {
  for (let delayMs = 100; !first.signal.aborted; delayMs = Math.min(RETRY_MAX_MS, delayMs * 2)) {
    try {
      if ((await first.users.list()).length === 0) await create(first);
      return;
    } catch (error) {
      first.log.debug('the first user has to wait for the store', { error: messageOf(error) });
    }
    await sleep(delayMs, undefined, { signal: first.signal }).catch(() => undefined);
  }
}

async function create({ users, passwords, stateDir, url, log }: FirstLogin): Promise<void> {
  const password = randomBytes(15).toString('base64url');
  const createdAt = new Date().toISOString();
  const hash = await passwords.hash(password);
  const code = await users.createCode(FIRST_UID, Date.now() + CODE_TTL_MS);
  const link = `${url}/login?code=${code}`;
  // Before the user: a user whose password nobody ever saw could not be made again.
  writePrivately(join(stateDir, 'first-login.json'), JSON.stringify({ uid: FIRST_UID, password, link, createdAt }));
  await users.put({ uid: FIRST_UID, description: 'Administrator', password: hash, createdAt });
  log.info('the first user was created: its password is in first-login.json', { uid: FIRST_UID });
}

/** 0600 from its first byte on, and whole or not there. */
function writePrivately(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}
