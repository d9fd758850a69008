import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { messageOf, type Disposable, type Logger } from '@mezzo/sdk/contract';
import {
  decisionOf,
  MAX_DECISION_BYTES,
  MIDDLEWARE_PATH,
  type MiddlewareDecision,
  type MiddlewareRequest,
} from '@mezzo/sdk/points/router-middleware';
import { readText } from '@mezzo/sdk/runtime';
import { watchersOf, type Watcher } from '../core/claims.js';
import { headersForMiddleware } from '../core/headers.js';
import { targetOfUrl, type RouteTable } from '../core/table.js';
import { clientIp } from './bodies.js';

const DEADLINE_MS = 1000;
const ASKED_MAX = 256;

/** Asks the middleware of plugins before a request is passed on. Whoever does not answer as it should has denied. */
export class Gate implements Disposable {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 16, scheduling: 'lifo' });
  private asked = 0;

  constructor(
    private readonly table: RouteTable,
    private readonly log: Logger,
  ) {}

  /** Of a request that may be passed on as far as its token goes; `uid`: whose that is. Never rejects. */
  async ask(req: IncomingMessage, uid: string | undefined, ownAuthorization: boolean): Promise<MiddlewareDecision> {
    const url = req.url ?? '/';
    let headers: Record<string, string> = {};
    for (const watcher of watchersOf(this.table.claims, url.split('?', 1)[0]!)) {
      const decision = await this.askOne(watcher, {
        method: req.method ?? 'GET',
        url,
        headers: headersForMiddleware(req.headers, watcher.seesCredentials, ownAuthorization),
        ...(uid !== undefined && { uid }),
        clientIp: clientIp(req),
      });
      if (!decision.allow) return decision;
      headers = { ...headers, ...decision.headers };
    }
    return { allow: true, headers };
  }

  dispose(): void {
    this.agent.destroy();
  }

  private async askOne({ plugin, endpoint }: Watcher, question: MiddlewareRequest): Promise<MiddlewareDecision> {
    const fail = (why: string): MiddlewareDecision => {
      this.log.warn(`plugin ${plugin} was asked whether a request may pass: ${why}`, { url: question.url });
      return {
        allow: false,
        status: 503,
        reason: `plugin ${plugin} has to allow this, and does not answer as it should`,
      };
    };
    const base = targetOfUrl(this.table.endpoints.get(endpoint) ?? '');
    if (base?.scheme !== 'http') return fail('it serves nowhere');
    if (this.asked >= ASKED_MAX) return fail(`more than ${ASKED_MAX} questions wait`);
    this.asked++;
    try {
      const { host, port, basePath } = base;
      const json = await this.post({ host, port, path: basePath + MIDDLEWARE_PATH }, JSON.stringify(question));
      return decisionOf(json) ?? fail('its answer is no decision');
    } catch (error) {
      return fail(messageOf(error));
    } finally {
      this.asked--;
    }
  }

  private async post(to: { host: string; port: number; path: string }, body: string): Promise<unknown> {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ ...to, method: 'POST', headers, agent: this.agent, signal }, resolve)
        .once('error', reject)
        .end(body);
    });
    const text = await readText(response, MAX_DECISION_BYTES);
    if (text === undefined) throw new Error('its answer is too long');
    if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
    return JSON.parse(text) as unknown;
  }
}
