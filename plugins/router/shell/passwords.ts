import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { MezzoError } from '@mezzo/sdk/contract';

/** scrypt's cost: half a second and 128 MiB for each check. */
export interface PasswordCost {
  readonly log2N: number;
  readonly blockSize: number;
}

export interface PasswordHash extends PasswordCost {
  readonly salt: string;
  readonly hash: string;
}

const COST: PasswordCost = { log2N: 17, blockSize: 8 };
const HASH_BYTES = 32;
const WAITING_MAX = 16;

/** Hashes off the event loop, one at a time: each takes much memory. */
export class Passwords {
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly cost: PasswordCost = COST) {}

  async hash(password: string): Promise<PasswordHash> {
    const salt = randomBytes(16);
    const hash = await this.queued(() => derive(password, salt, this.cost));
    return { ...this.cost, salt: salt.toString('base64'), hash: hash.toString('base64') };
  }

  /** Takes as long for a user that does not exist. */
  async matches(password: string, known: PasswordHash | undefined): Promise<boolean> {
    const against = known ?? { ...this.cost, salt: 'c2FsdHNhbHRzYWx0c2FsdA==', hash: '' };
    const hash = await this.queued(() => derive(password, Buffer.from(against.salt, 'base64'), against));
    const expected = Buffer.from(against.hash, 'base64');
    return expected.length === hash.length && timingSafeEqual(expected, hash);
  }

  private async queued<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting >= WAITING_MAX)
      throw new MezzoError('LOGIN_BUSY', 'too many sign-ins at once', { blame: 'user', retryable: true });
    this.waiting++;
    const run = this.last.then(work);
    this.last = run.catch(() => undefined);
    try {
      return await run;
    } finally {
      this.waiting--;
    }
  }
}

function derive(password: string, salt: Buffer, { log2N, blockSize }: PasswordCost): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** log2N, r: blockSize, p: 1, maxmem: 256 * 2 ** log2N * blockSize };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
