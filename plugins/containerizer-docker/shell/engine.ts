import { stat } from 'node:fs/promises';
import type Docker from 'dockerode';
import { loadDockerode } from './load-dockerode.js';

/** Most calls answer in milliseconds; starting many containers at once makes the engine slow. */
const CALL_TIMEOUT_MS = 120_000;
const PING_TIMEOUT_MS = 5_000;
const MAX_LINE_CHARS = 1 << 20;
const DEFAULT_SOCKET = '/var/run/docker.sock';

/** The engine behind its socket: one client for calls, which end, and one for streams, which do not. */
export class Engine {
  private constructor(
    readonly calls: Docker,
    readonly streams: Docker,
  ) {}

  /**
   * `socket`: path of a Unix socket. Undefined = what DOCKER_HOST says, or /var/run/docker.sock. Rejects when no engine answers
   * in time.
   */
  static async connect(socket: string | undefined): Promise<Engine> {
    const path = socket ?? (process.env['DOCKER_HOST'] === undefined ? DEFAULT_SOCKET : undefined);
    if (path !== undefined) await stat(path);
    const where = path === undefined ? {} : { socketPath: path };
    const Client = await loadDockerode();
    await new Client({ ...where, timeout: PING_TIMEOUT_MS }).ping();
    return new Engine(new Client({ ...where, timeout: CALL_TIMEOUT_MS }), new Client(where));
  }
}

/** 404, 409 and so on; undefined when no engine answered. */
export const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode;

/** What the engine says went wrong, without the client's trimmings. */
export function reasonOf(error: unknown): string {
  const { json, message } = error as { json?: { message?: string } | null; message?: string };
  const said = json?.message ?? message?.replace(/^\(HTTP code \d+\) .*? - /, '').trim();
  return (said ?? String(error)).slice(0, 2000);
}

/** Passes over one failure that changes nothing: what shall go is gone, what shall stop has stopped. */
export async function ignoring(statuses: readonly number[], call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!statuses.includes(statusOf(error) ?? 0)) throw error;
  }
}

/** The JSON objects, a line each, of an endless answer. */
export async function* jsonLines(stream: NodeJS.ReadableStream): AsyncGenerator<Record<string, unknown>> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) throw new Error('the engine sent an endless line');
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Record<string, unknown>;
  }
}
