import { hasCode, MezzoError } from '@mezzo/sdk/contract';
import { Attempts } from '../core/attempts.js';
import type { Credentials } from '../core/forms.js';
import type { Passwords } from './passwords.js';
import type { Tokens } from './tokens.js';
import type { User, Users } from './users.js';

export interface SignedIn {
  readonly user: User;
  readonly token: string;
}

const MINUTE_MS = 60_000;

/** Turns names and passwords, or one-time codes, into tokens, and slows down those who guess. */
export class Login {
  private readonly limits = {
    pair: new Attempts({ max: 5, windowMs: MINUTE_MS }),
    ip: new Attempts({ max: 30, windowMs: MINUTE_MS }),
    uid: new Attempts({ max: 100, windowMs: MINUTE_MS }),
  };

  constructor(
    private readonly users: Users,
    private readonly passwords: Passwords,
    private readonly tokens: Tokens,
    private readonly tokenTtlSeconds: number,
  ) {}

  /** Rejects with INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS (details.retryAfterMs), LOGIN_BUSY or STORE_UNAVAILABLE. */
  async withPassword({ uid, password }: Credentials, ip: string): Promise<SignedIn> {
    const counted = this.begin(ip, uid);
    let user: User | undefined;
    try {
      user = await this.users.get(uid);
      if (!(await this.passwords.matches(password, user?.password))) user = undefined;
    } catch (error) {
      // Nobody was told anything about the password.
      counted.undo();
      throw error;
    }
    if (user === undefined) throw invalid('user name or password is wrong');
    counted.undo();
    return this.signIn(user);
  }

  async withCode(code: string, ip: string): Promise<SignedIn> {
    const counted = this.begin(ip, '');
    const uid = await this.users.redeemCode(code, Date.now());
    const user = uid === undefined ? undefined : await this.users.get(uid);
    if (user === undefined) throw invalid('this sign-in link was used before or is too old');
    counted.undo();
    return this.signIn(user);
  }

  private async signIn(user: User): Promise<SignedIn> {
    return { user, token: await this.tokens.mint(user.uid, this.tokenTtlSeconds) };
  }

  private begin(ip: string, uid: string): { undo(): void } {
    const { pair, ip: byIp, uid: byUid } = this.limits;
    const counters = [
      [pair, `${ip} ${uid}`],
      [byIp, ip],
      [byUid, uid],
    ] as const;
    const now = performance.now();
    const retryAfterMs = Math.max(...counters.map(([counter, key]) => counter.blockedForMs(key, now)));
    if (retryAfterMs > 0)
      throw new MezzoError('TOO_MANY_ATTEMPTS', 'too many failed sign-ins: wait a moment', {
        blame: 'user',
        retryable: true,
        details: { retryAfterMs },
      });
    for (const [counter, key] of counters) counter.began(key, now);
    return { undo: () => counters.forEach(([counter, key]) => counter.succeeded(key)) };
  }
}

const invalid = (message: string): MezzoError => new MezzoError('INVALID_CREDENTIALS', message, { blame: 'user' });

export const isInvalidLogin = (error: unknown): boolean => hasCode(error, 'INVALID_CREDENTIALS');
