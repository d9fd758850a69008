import type { StoreWrite } from '@mezzo/sdk/contract';
import type { Command } from './commands.js';
import type { Run } from './state.js';

/** What happened. */
export type MetronomeEvent =
  /**
   * First event of a process, after `recover`. `seed`: any whole number, at random. `keys`: all that the framework knows, wanted by an
   * earlier process.
   */
  | { readonly type: 'started'; readonly seed: number; readonly keys: readonly string[] }
  | { readonly type: 'commandReceived'; readonly requestId: number; readonly command: Command }
  /** The time asked for by a `wake` has come. */
  | { readonly type: 'woke' }
  | { readonly type: 'taskChanged'; readonly key: string; readonly change: TaskChange };

/** What became of a launch. Comes at least once for each; the last word, `ended`, again in each process until it is dropped. */
export interface TaskChange {
  readonly state: 'staging' | 'running' | 'ended';
  readonly taskId?: string;
  /** TASK_RUNNING and the like. */
  readonly status: string;
  readonly succeeded?: boolean;
  readonly message?: string;
}

/** An answer to a command: what HTTP says. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

/** What is to be done, in order; everything after a `persist` waits for it, save `wake`. */
export type Effect =
  | { readonly type: 'persist'; readonly writes: readonly StoreWrite[] }
  | { readonly type: 'reply'; readonly requestId: number; readonly answer: Answer }
  /** Have a task run to its end, once, whatever happens: wanting a key again changes nothing. */
  | { readonly type: 'want'; readonly key: string; readonly run: Run }
  /** End it should it live, and forget the key. What ends by this is told as `ended`. */
  | { readonly type: 'drop'; readonly key: string }
  /** Takes the place of the last. Undefined: not at all. */
  | { readonly type: 'wake'; readonly atMs: number | undefined }
  | { readonly type: 'warn'; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };
