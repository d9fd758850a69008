import { setTimeout as sleep } from 'node:timers/promises';
import type { Disposable } from '../contract/plugin.js';

export type HealthReport = (taskId: string, alive: boolean) => void;

const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 4000;
const LINE_MAX_CHARS = 1 << 20;
const EVENT = 'health_status_changed_event';

/**
 * Marathon makes HTTP and TCP health checks itself, and what comes of them is in no status of Mesos: it is told by its event stream,
 * and by its list of tasks upon each connection. Without Marathon the last word stands.
 */
export class MarathonHealth implements Disposable {
  private url: string | undefined;
  private following = new AbortController();

  constructor(
    private readonly report: HealthReport,
    /** Headers of each request: credentials, where Marathon wants them. */
    private readonly headers: () => Promise<Readonly<Record<string, string>>> = async () => ({}),
  ) {}

  /** Follows the Marathon at this base URL from now on, or none. */
  urlIs(url: string | undefined): void {
    if (url === this.url) return;
    this.url = url;
    this.following.abort();
    this.following = new AbortController();
    if (url !== undefined) void this.follow(url, this.following.signal);
  }

  dispose(): void {
    this.urlIs(undefined);
  }

  private async follow(url: string, signal: AbortSignal): Promise<void> {
    let delayMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      const startedAt = performance.now();
      // Whatever ends a connection, the next one starts with all that is true then.
      await this.connect(url, signal).catch(() => undefined);
      delayMs = performance.now() - startedAt > RETRY_MAX_MS ? RETRY_MIN_MS : Math.min(delayMs * 2, RETRY_MAX_MS);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async connect(url: string, signal: AbortSignal): Promise<void> {
    const headers = await this.headers();
    const ask = async (path: string, accept: string): Promise<Response> => {
      const response = await fetch(new URL(path, url), { headers: { ...headers, accept }, signal });
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      return response;
    };
    const stream = await ask(`/v2/events?event_type=${EVENT}`, 'text/event-stream');
    // After the stream is open: what changes meanwhile waits in it, and has the last word.
    const { tasks } = (await (await ask('/v2/tasks', 'application/json')).json()) as { tasks?: readonly TaskRow[] };
    for (const { id, healthCheckResults: results } of tasks ?? [])
      if (results && results.length > 0)
        this.report(
          id,
          results.every((result) => result.alive),
        );
    if (stream.body) await this.read(stream.body);
  }

  private async read(body: AsyncIterable<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let pending = '';
    for await (const chunk of body) {
      const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n');
      pending = lines.pop() ?? '';
      if (pending.length > LINE_MAX_CHARS) throw new Error('a line of the event stream is too long');
      for (const line of lines) if (line.startsWith('data:')) this.readEvent(line.slice('data:'.length));
    }
  }

  private readEvent(data: string): void {
    const { eventType, taskId, alive } = JSON.parse(data) as { eventType?: string; taskId?: string; alive?: boolean };
    if (eventType === EVENT && typeof taskId === 'string' && typeof alive === 'boolean') this.report(taskId, alive);
  }
}

interface TaskRow {
  readonly id: string;
  readonly healthCheckResults?: readonly { readonly alive: boolean }[];
}
