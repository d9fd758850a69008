import { readFileSync } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { MezzoError, messageOf, type Blame } from '../contract/index.js';
import { onJsonLines } from './json-lines.js';

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_PENDING = 256;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** The host sends a heartbeat every 5 s on a quiet stream. */
const STREAM_SILENCE_MS = 15_000;

/**
 * Speaks to the plugin host over its Unix socket. While the kernel daemon is down, requests are tried again until their deadline:
 * reads always, writes only when they were certainly not sent.
 */
export class HostClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 });
  private readonly token: string;
  private pending = 0;

  constructor(
    private readonly socketPath: string,
    tokenFile: string,
    private readonly unavailableCode = 'KERNEL_UNAVAILABLE',
  ) {
    this.token = readFileSync(tokenFile, 'utf8').trim();
  }

  /** Rejects with the host's own error, or with the unavailable code (retryable). */
  async call<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    if (this.pending >= MAX_PENDING) throw this.unavailable(`more than ${MAX_PENDING} requests are waiting`);
    this.pending++;
    try {
      return (await this.tryUntilDeadline(method, path, body)) as T;
    } finally {
      this.pending--;
    }
  }

  /** Follows a stream of JSON lines until `signal` fires; comes back after each loss. */
  async follow(path: string, signal: AbortSignal, listener: (message: unknown) => void): Promise<void> {
    for (let delayMs = 50; !signal.aborted; delayMs = Math.min(delayMs * 2, 2_000)) {
      await this.followOnce(path, signal, (message) => {
        delayMs = 50;
        listener(message);
      });
      await sleep(delayMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  close(): void {
    this.agent.destroy();
  }

  private async tryUntilDeadline(method: 'GET' | 'POST', path: string, body: unknown): Promise<unknown> {
    const deadline = performance.now() + REQUEST_TIMEOUT_MS;
    for (let delayMs = 20; ; delayMs = Math.min(delayMs * 2, 500)) {
      const leftMs = deadline - performance.now();
      try {
        return await this.once(method, path, body, leftMs);
      } catch (error) {
        if (isAnswer(error)) throw error;
        const again = method === 'GET' || wasNotSent(error);
        if (!again || leftMs <= delayMs) throw this.unavailable(messageOf(error), error);
      }
      await sleep(delayMs);
    }
  }

  private async once(method: string, path: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
    const response = await this.send(method, path, this.agent, signal, text);
    const answer: unknown = JSON.parse(await bodyOf(response));
    if (response.statusCode === 200) return answer;
    throw fromWire(answer);
  }

  private async followOnce(path: string, signal: AbortSignal, listener: (message: unknown) => void): Promise<void> {
    try {
      const response = await this.send('GET', path, undefined, signal);
      if (response.statusCode !== 200) return void response.destroy();
      response.socket.setTimeout(STREAM_SILENCE_MS, () => response.destroy());
      onJsonLines(response, listener);
      await new Promise<void>((resolve) => response.once('close', resolve).once('error', () => {}));
    } catch {
      // the caller comes back
    }
  }

  private send(
    method: string,
    path: string,
    agent: Agent | undefined,
    signal: AbortSignal,
    body?: string,
  ): Promise<IncomingMessage> {
    const headers = {
      authorization: `Bearer ${this.token}`,
      host: 'kernel',
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.socketPath, path, method, headers, signal, agent: agent ?? false };
      request(options, resolve).once('error', reject).end(body);
    });
  }

  private unavailable(problem: string, cause?: unknown): MezzoError {
    const options = { blame: 'kernel' as Blame, retryable: true, cause };
    return new MezzoError(this.unavailableCode, `the kernel does not answer: ${problem}`, options);
  }
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if ((bytes += chunk.length) > MAX_ANSWER_BYTES) throw new Error(`answer of more than ${MAX_ANSWER_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function fromWire(answer: unknown): MezzoError {
  const { code, message, ...rest } = (answer ?? {}) as Partial<MezzoError>;
  return new MezzoError(code ?? 'KERNEL_ERROR', message ?? 'the kernel answered with an error', {
    blame: rest.blame ?? 'kernel',
    retryable: rest.retryable ?? false,
    ...(rest.next !== undefined && { next: rest.next }),
    ...(rest.details !== undefined && { details: rest.details }),
  });
}

const isAnswer = (error: unknown): boolean => error instanceof MezzoError;

const wasNotSent = (error: unknown): boolean =>
  ['ENOENT', 'ECONNREFUSED'].includes(String((error as { code?: unknown }).code));
