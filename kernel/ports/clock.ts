export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls back once; the answer cancels. Does not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

export interface Random {
  /** A random UUID in text form. */
  uuid(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}
