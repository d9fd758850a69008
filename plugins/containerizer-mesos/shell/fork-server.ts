import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { withoutStrays } from '@mezzo/sdk/runtime';

/** Longest line that the shells answer with. */
const MAX_LINE_CHARS = 8192;
/** Where programs are looked up when a task's environment has no PATH. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A line "WORD KEY REST" from one of the shells. WORD is `failed` (REST says why), or what the script in question says. */
export type Answer = readonly [word: string, ...rest: string[]];

/**
 * The agent's one child: a resident shell to which jobs go as lines, and from whose children answers come. What it started outlives it.
 * Should it die, the jobs under way fail and the next one starts another.
 */
export class ForkServer {
  private child: ChildProcessWithoutNullStreams | undefined;
  private readonly listeners = new Map<string, (answer: Answer) => void>();
  private rest = '';

  constructor(private readonly argv: readonly string[]) {}

  /** Starts the shell now, while this process is small: later, the fork would stop the event loop for longer. */
  start(): void {
    this.child ??= this.spawn();
  }

  /** Sends a job. Every answer to `key` goes to the listener, until what this answers is called. */
  send(kind: string, key: string, listener: (answer: Answer) => void): () => void {
    this.listeners.set(key, listener);
    this.start();
    this.child?.stdin.write(`${kind} ${key}\n`);
    return () => void this.listeners.delete(key);
  }

  /** Lets the shell end. What it started runs on. */
  async close(): Promise<void> {
    const child = this.child;
    if (child === undefined) return;
    this.child = undefined;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end();
    await ended;
  }

  private spawn(): ChildProcessWithoutNullStreams {
    const [program = '/bin/sh', ...args] = this.argv;
    const options = { detached: true, env: { PATH: DEFAULT_PATH }, cwd: '/' };
    const child = withoutStrays(['pipe', 'pipe', 'pipe'], (stdio) =>
      spawn(program, args, { ...options, stdio }),
    ) as ChildProcessWithoutNullStreams;
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => this.read(chunk));
    child.stderr.resume();
    child.stdin.on('error', () => {});
    const lost = () => this.lose(child);
    child.once('error', lost).once('exit', lost);
    return child;
  }

  /** The shims hold the other end of the pipe, so that it never ends by itself. */
  private lose(child: ChildProcessWithoutNullStreams): void {
    child.stdout.destroy();
    child.stderr.destroy();
    if (this.child === child) this.child = undefined;
    for (const tell of [...this.listeners.values()]) tell(['failed', 'the shell that starts processes has ended']);
  }

  private read(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARS);
    for (const line of lines) {
      const [word = '', key = '', ...rest] = line.split(' ');
      this.listeners.get(key)?.([word, ...rest]);
    }
  }
}
