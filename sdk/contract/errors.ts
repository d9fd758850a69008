/** Who can mend an error: the caller, who runs the cluster, a plugin's author, Mezzo itself, or the machine. */
export type Blame = 'user' | 'operator' | 'plugin' | 'kernel' | 'environment';

export interface MezzoErrorOptions {
  readonly blame: Blame;
  /** True when the same call may succeed later without any change. Default false. */
  readonly retryable?: boolean;
  /** The next thing to do, as a sentence for people. */
  readonly next?: string;
  /** Field, value and the like: plain JSON, no secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An expected failure. Compare by `code` (UPPER_SNAKE), never by class: two copies of this package may meet in one
 * process, and errors cross process borders as JSON. Bugs are not MezzoErrors: they assert and crash.
 */
export class MezzoError extends Error {
  override readonly name = 'MezzoError';
  readonly blame: Blame;
  readonly retryable: boolean;
  readonly next: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    readonly code: string,
    message: string,
    options: MezzoErrorOptions,
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.blame = options.blame;
    this.retryable = options.retryable ?? false;
    this.next = options.next;
    this.details = options.details;
  }

  /** The wire form: what HTTP bodies, control sockets and logs carry. */
  toJSON(): Record<string, unknown> {
    const { code, message, blame, retryable, next, details } = this;
    return { code, message, blame, retryable, ...(next && { next }), ...(details && { details }) };
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;
}

/** The text of anything thrown, for logs and messages. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Programmer's error: crash with the reason. Narrows `condition` for the compiler. */
export function assert(condition: unknown, reason: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${reason}`);
}

/** For the default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
