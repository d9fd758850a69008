import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Probe } from '../core/effects.js';

const MAX_AT_ONCE = 256;
const MAX_CAUSE_CHARS = 200;
const EAGER_FIRST_MS = 50;
const EAGER_MAX_MS = 1000;

type Report = (taskId: string, index: number, failure: string | undefined) => void;

/** Runs scheduler-side health checks: each in its own rhythm, a bounded number at once. */
export class Prober {
  private readonly tasks = new Map<string, NodeJS.Timeout[]>();
  private readonly queue: (() => Promise<void>)[] = [];
  private running = 0;

  constructor(private readonly report: Report) {}

  /** Does nothing for a task that is probed already. */
  start(taskId: string, probes: readonly Probe[]): void {
    if (this.tasks.has(taskId)) return;
    const handles: NodeJS.Timeout[] = [];
    this.tasks.set(taskId, handles);
    probes.forEach((probe, slot) => {
      const rhythm = new Rhythm(probe);
      const again = (afterMs: number) => {
        handles[slot] = setTimeout(
          () => this.enqueue(taskId, probe, (healthy) => again(rhythm.next(healthy))),
          afterMs,
        );
      };
      again(EAGER_FIRST_MS);
    });
  }

  stop(taskId: string): void {
    for (const handle of this.tasks.get(taskId) ?? []) clearTimeout(handle);
    this.tasks.delete(taskId);
  }

  dispose(): void {
    for (const taskId of [...this.tasks.keys()]) this.stop(taskId);
    this.queue.length = 0;
  }

  private enqueue(taskId: string, probe: Probe, again: (healthy: boolean) => void): void {
    this.queue.push(async () => {
      if (!this.tasks.has(taskId)) return;
      const failure = await probeOnce(probe);
      if (!this.tasks.has(taskId)) return;
      again(failure === undefined);
      this.report(taskId, probe.index, failure);
    });
    this.pump();
  }

  private pump(): void {
    for (; this.running < MAX_AT_ONCE && this.queue.length > 0; this.running++)
      void this.queue
        .shift()?.()
        .finally(() => {
          this.running -= 1;
          this.pump();
        });
  }
}

/** Quick steps until the first success, as long as failures are forgiven; then the check's own interval. */
class Rhythm {
  private readonly eagerUntilMs: number;
  private eager = true;
  private stepMs = EAGER_FIRST_MS;

  constructor(private readonly probe: Probe) {
    this.eagerUntilMs = performance.now() + probe.eagerMs;
  }

  next(healthy: boolean): number {
    this.eager &&= !healthy && performance.now() < this.eagerUntilMs;
    if (!this.eager) return this.probe.intervalMs;
    this.stepMs = Math.min(this.stepMs * 1.5, EAGER_MAX_MS, this.probe.intervalMs);
    return this.stepMs;
  }
}

/** Undefined: healthy. Else what went wrong, in a few words. */
export function probeOnce(probe: Probe): Promise<string | undefined> {
  return probe.kind === 'tcp' ? probeTcp(probe) : probeHttp(probe);
}

function probeTcp({ host, port, timeoutMs }: Probe): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (failure: string | undefined) => {
      socket.destroy();
      resolve(failure);
    };
    socket.setTimeout(timeoutMs, () => end(`no connection within ${timeoutMs} ms`));
    socket.once('connect', () => end(undefined)).once('error', (error) => end(shorten(error.message)));
  });
}

function probeHttp({ kind, host, port, path, timeoutMs, ignore1xx }: Probe): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { 'user-agent': 'mezzo-marathon-health', connection: 'close' };
    const options = { host, port, path, headers, agent: false as const };
    const request = kind === 'https' ? https.get({ ...options, rejectUnauthorized: false }) : http.get(options);
    const timer = setTimeout(() => end(`no answer within ${timeoutMs} ms`), timeoutMs);
    const end = (failure: string | undefined) => {
      clearTimeout(timer);
      request.on('error', () => {}).destroy();
      resolve(failure);
    };
    const judge = ({ statusCode = 0 }: http.IncomingMessage) => {
      const healthy = statusCode >= 200 && statusCode < 400;
      end(healthy ? undefined : `${kind.toUpperCase()} ${path} answered ${statusCode}`);
    };
    request.once('response', judge).once('error', (error) => end(shorten(error.message)));
    request.once('information', ({ statusCode }) => {
      if (!ignore1xx) end(`${kind.toUpperCase()} ${path} answered ${statusCode}`);
    });
  });
}

const shorten = (text: string): string => text.slice(0, MAX_CAUSE_CHARS);
