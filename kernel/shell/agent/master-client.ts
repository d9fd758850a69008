import { readFileSync } from 'node:fs';
import { RecordDecoder } from '@mezzo/sdk/api';
import { MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';
import { Agent, request, type Dispatcher } from 'undici';
import {
  PROTOCOL_VERSION,
  type AgentReturn,
  type AgentSubscribe,
  type DownRecord,
  type UpBatch,
  type UpCall,
} from '../../core/protocol.js';
import { fromWireJson, toWireJson } from '../wire-json.js';
import type { MasterDetector } from './master-detector.js';

const JOIN_TOKEN = "copy the master's secrets/join.token there, or name it with --join-token-file";

export interface MasterClientOptions {
  readonly master: MasterDetector;
  /** Holds the token that admits agents. Read anew for every connection; undefined = the master asks for none. */
  readonly tokenFile: string | undefined;
  /** How to reach it by https, asked anew for every connection; undefined = by http. */
  readonly tls?: (() => ConnectionTls) | undefined;
}

export interface ConnectionTls {
  readonly ca: string | undefined;
  readonly cert: string;
  readonly key: string;
  readonly rejectUnauthorized: boolean;
}

export interface MasterEvents {
  /** Another one leads than before. */
  found(): void;
  record(connection: number, record: DownRecord): void;
  /** Once per connection, however it ends. */
  lost(connection: number, reason: string): void;
}

const MAX_REDIRECTS = 5;
const MAX_QUEUED_CALLS = 10_000;
const MAX_BATCH_CALLS = 500;
const CALL_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** One stream down and the batches up that belong to it. */
interface Connection {
  readonly id: number;
  readonly abort: AbortController;
  readonly queue: UpCall[];
  origin: string;
  authorization: Record<string, string>;
  session: string | undefined;
  seen: number;
  seq: number;
  sending: boolean;
  over: boolean;
}

/** The agent's side of the protocol: which connection, which session, which order. What is said is the machine's matter. */
export class MasterClient {
  private http: Agent;
  private tls: ConnectionTls | undefined;
  private current: Connection | undefined;
  private readonly unwatch: () => void;

  constructor(
    private readonly options: MasterClientOptions,
    private readonly log: Logger,
    private readonly events: MasterEvents,
  ) {
    this.tls = options.tls?.();
    this.http = newAgent(this.tls);
    this.unwatch = options.master.onFound(() => {
      log.info('a master leads', { master: options.master.leader?.hostPort });
      events.found();
    });
  }

  connect(id: number, subscribe: AgentSubscribe | AgentReturn): void {
    this.disconnect();
    this.renewTls();
    const connection: Connection = {
      id,
      abort: new AbortController(),
      queue: [],
      origin: '',
      authorization: {},
      session: undefined,
      seen: 0,
      seq: 0,
      sending: false,
      over: false,
    };
    this.current = connection;
    void this.listen(connection, subscribe).catch((error: unknown) => this.lose(connection, messageOf(error)));
  }

  private renewTls(): void {
    const now = this.options.tls?.();
    if (now?.cert === this.tls?.cert && now?.ca === this.tls?.ca) return;
    void this.http.destroy();
    this.tls = now;
    this.http = newAgent(now);
  }

  /** Without a word: the machine knows already. */
  disconnect(): void {
    if (this.current === undefined) return;
    this.current.over = true;
    this.current.abort.abort();
    this.current = undefined;
  }

  /** What happens while the master has not answered yet, it does not know from what it was told: that waits. */
  send(call: UpCall): void {
    const connection = this.current;
    if (connection === undefined || connection.over) return;
    if (connection.queue.length >= MAX_QUEUED_CALLS)
      return this.lose(connection, `${MAX_QUEUED_CALLS} calls wait for the master`);
    connection.queue.push(call);
    if (!connection.sending) void this.drain(connection);
  }

  /** Gives what is queued a moment to leave, then closes. */
  async close(maxMs = 0): Promise<void> {
    const until = Date.now() + maxMs;
    while (this.current?.sending === true && Date.now() < until) await new Promise((r) => setTimeout(r, 10));
    this.unwatch();
    this.disconnect();
    await this.http.destroy();
  }

  private async listen(connection: Connection, subscribe: AgentSubscribe | AgentReturn): Promise<void> {
    const { leader } = this.options.master;
    if (leader === undefined) throw new Error('no master leads, as far as is known');
    connection.origin = `${this.tls === undefined ? 'http' : 'https'}://${leader.hostPort}`;
    connection.authorization = this.authorization();
    const answer = await this.open(connection, toWireJson(subscribe));
    const decoder = new RecordDecoder();
    for await (const chunk of answer.body) {
      for (const bytes of decoder.push(chunk as Uint8Array)) {
        if (connection.over) return;
        this.take(connection, fromWireJson(Buffer.from(bytes).toString('utf8')) as DownRecord);
      }
    }
    this.lose(connection, 'the master closed the stream');
  }

  private take(connection: Connection, record: DownRecord): void {
    if (record.type === 'registered') connection.session = record.session;
    // Before the machine acts on it: what it sends because of this record has seen the record.
    connection.seen = record.seq;
    this.events.record(connection.id, record);
    if (record.type === 'registered' && !connection.sending) void this.drain(connection);
  }

  /** Follows the way to the leader. */
  private async open(connection: Connection, body: string): Promise<Dispatcher.ResponseData> {
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.post(connection, '/agent/v1/subscribe', body);
      if (answer.statusCode === 200) return answer;
      const location = answer.headers['location'];
      if (answer.statusCode !== 307 || typeof location !== 'string') throw await refusal(answer);
      await answer.body.dump({ limit: 65536 });
      connection.origin = new URL(location, connection.origin).origin;
    }
    throw new Error(`more than ${MAX_REDIRECTS} masters sent us on`);
  }

  private async drain(connection: Connection): Promise<void> {
    connection.sending = true;
    try {
      while (connection.queue.length > 0 && !connection.over && connection.session !== undefined) {
        const calls = connection.queue.splice(0, MAX_BATCH_CALLS);
        const { session, seen } = connection;
        const batch: UpBatch = { session, seq: ++connection.seq, seen, calls };
        const answer = await this.post(connection, '/agent/v1/calls', toWireJson(batch), CALL_TIMEOUT_MS);
        if (answer.statusCode < 200 || answer.statusCode >= 300) throw await refusal(answer);
        await answer.body.dump({ limit: 65536 });
      }
    } catch (error) {
      this.lose(connection, messageOf(error));
    } finally {
      connection.sending = false;
    }
  }

  private post(
    { origin, abort, authorization }: Connection,
    path: string,
    body: string,
    bodyTimeout = 0,
  ): Promise<Dispatcher.ResponseData> {
    return request(origin + path, {
      method: 'POST',
      dispatcher: this.http,
      signal: abort.signal,
      bodyTimeout,
      headers: {
        'Content-Type': 'application/json',
        'Mezzo-Protocol': String(PROTOCOL_VERSION),
        ...authorization,
      },
      body,
    });
  }

  private authorization(): Record<string, string> {
    const { tokenFile } = this.options;
    if (tokenFile === undefined) return {};
    try {
      return { Authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
    } catch (cause) {
      throw new MezzoError('NO_JOIN_TOKEN', `cannot read the join token ${tokenFile}; ${JOIN_TOKEN}`, {
        blame: 'operator',
        next: JOIN_TOKEN,
        cause,
      });
    }
  }

  private lose(connection: Connection, reason: string): void {
    if (connection.over) return;
    connection.over = true;
    connection.abort.abort();
    if (this.current === connection) this.current = undefined;
    this.log.debug('lost the master', { reason });
    this.events.lost(connection.id, reason);
  }
}

const newAgent = (tls: ConnectionTls | undefined): Agent =>
  new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
    headersTimeout: CALL_TIMEOUT_MS,
    bodyTimeout: 0,
    keepAliveTimeout: 60_000,
  });

async function refusal(answer: Dispatcher.ResponseData): Promise<Error> {
  const text = (await answer.body.text().catch(() => '')).slice(0, 500);
  return new Error(`the master answered ${answer.statusCode}${text === '' ? '' : `: ${text}`}`);
}
