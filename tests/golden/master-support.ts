import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordDecoder } from '@mezzo/sdk/api';
import type { AgentSubscribe, DownRecord, UpCall } from '../../kernel/core/protocol.js';
import { Resources } from '../../kernel/core/resources/index.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { createLog } from '../../kernel/main/log.js';
import { masterFlags } from '../../kernel/main/master-flags.js';
import { startMaster, type MasterDaemon } from '../../kernel/main/master.js';
import { mintToken } from '@mezzo/sdk/secrets';

const DEADLINE_MS = 5_000;

export interface TestMaster {
  readonly daemon: MasterDaemon;
  readonly workDir: string;
  close(): Promise<void>;
}

/** A whole master on a free port with a work directory of its own. */
export async function startTestMaster(args: readonly string[] = [], dir?: string): Promise<TestMaster> {
  const workDir = dir ?? mkdtempSync(join(tmpdir(), 'mezzo-master-'));
  const argv = [`--work_dir=${workDir}`, '--port=0', '--quiet', `--log_dir=${workDir}/logs`, ...args];
  const flags = loadFlags(masterFlags, { argv, env: {} });
  const log = createLog({ daemon: 'master', level: 'INFO', dir: flags.log_dir!, quiet: true });
  const daemon = await startMaster(flags, {
    log,
    onFatal: (error) => {
      throw error;
    },
  });
  return {
    daemon,
    workDir,
    close: async () => {
      await daemon.close();
      if (dir === undefined) rmSync(workDir, { recursive: true, force: true });
    },
  };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

type Headers = Readonly<Record<string, string>>;
export interface Ask {
  readonly method?: string;
  readonly headers?: Headers;
  readonly body?: string | Uint8Array;
}

/** Whatever has a URL. */
type Served = Pick<MasterDaemon, 'url'>;

function open(daemon: Served, path: string, { method = 'GET', headers = {}, body }: Ask): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(daemon.url + path, { method, headers, agent: false, timeout: DEADLINE_MS }, resolve);
    call.on('error', reject).end(body);
  });
}

export async function ask(daemon: Served, path: string, what: Ask = {}): Promise<HttpAnswer> {
  const response = await open(daemon, path, what);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return { status: response.statusCode!, headers: response.headers, body, text: body.toString('utf8') };
}

export const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' };

export const post = (daemon: Served, path: string, json: unknown, headers: Headers = {}): Promise<HttpAnswer> =>
  ask(daemon, path, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(json) });

/** A subscription: records as they come, waited for with a deadline. */
export class Subscription<T> {
  readonly records: T[] = [];
  readonly headers: IncomingHttpHeaders;
  readonly status: number;
  ended = false;
  private wake: (() => void)[] = [];

  constructor(
    private readonly response: IncomingMessage,
    read: (bytes: Uint8Array) => T,
  ) {
    this.headers = response.headers;
    this.status = response.statusCode!;
    const decoder = new RecordDecoder();
    response.on('data', (chunk: Buffer) => {
      if (this.status !== 200) return;
      for (const record of decoder.push(chunk)) this.records.push(read(record));
      this.notify();
    });
    response.on('error', () => {});
    response.on('close', () => ((this.ended = true), this.notify()));
  }

  private notify(): void {
    for (const wake of this.wake.splice(0)) wake();
  }

  async until<R>(find: (subscription: this) => R | undefined | false): Promise<R> {
    const endMs = Date.now() + DEADLINE_MS;
    for (;;) {
      const found = find(this);
      if (found !== undefined && found !== false) return found;
      if (Date.now() > endMs) throw new Error(`deadline; so far: ${JSON.stringify(this.records).slice(0, 2000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.wake.push(() => (clearTimeout(timer), resolve()));
      });
    }
  }

  close(): void {
    this.response.destroy();
  }
}

const fromJson = (bytes: Uint8Array): never => JSON.parse(Buffer.from(bytes).toString('utf8')) as never;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what comes over the wire is looked at by paths
export async function subscribe<T = any>(
  daemon: Served,
  path: string,
  json: unknown,
  headers: Headers = {},
  read: (bytes: Uint8Array) => T = fromJson,
): Promise<Subscription<T>> {
  const body = JSON.stringify(json);
  return new Subscription(
    await open(daemon, path, { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body }),
    read,
  );
}

/** An agent as the master sees it: registers and says what it is told to say. */
export class ScriptedAgent {
  private seq = 0;

  private constructor(
    private readonly daemon: MasterDaemon,
    readonly stream: Subscription<DownRecord>,
    private readonly token: string,
  ) {}

  static async start(
    daemon: MasterDaemon,
    { id, ...more }: Partial<AgentSubscribe> & { readonly id?: string } = {},
  ): Promise<ScriptedAgent> {
    const token = await mintToken(daemon.clusterKey, { uid: 'agent', scope: 'agent' }, 60);
    const resources = Resources.parse('cpus:2;mem:1024;disk:4096;ports:[31000-32000]').toMessages();
    const subscribeCall: AgentSubscribe = {
      protocol: 1,
      agentInfo: {
        ...(id !== undefined && { id: { value: id } }),
        hostname: 'agent.test',
        port: 5051,
        resources,
        attributes: [{ name: 'rack', type: 'TEXT', text: { value: 'r1' } }],
      },
      address: '127.0.0.1:5051',
      resources,
      version: '0.1.0',
      tasks: [],
      executors: [],
      operations: [],
      frameworks: [],
      ...more,
    };
    const headers = { Authorization: `Bearer ${token}`, 'Mezzo-Protocol': '1' };
    const stream = await subscribe<DownRecord>(daemon, '/agent/v1/subscribe', subscribeCall, headers);
    return new ScriptedAgent(daemon, stream, token);
  }

  of<T extends DownRecord['type']>(type: T): Promise<Extract<DownRecord, { type: T }>> {
    return this.stream.until(({ records }) => records.findLast((record) => record.type === type)) as never;
  }

  async call(...calls: UpCall[]): Promise<HttpAnswer> {
    const { session } = await this.of('registered');
    const headers = { Authorization: `Bearer ${this.token}`, 'Mezzo-Protocol': '1' };
    return post(this.daemon, '/agent/v1/calls', { session, seq: ++this.seq, seen: 0, calls }, headers);
  }
}

/** Replaces what differs from run to run, so that the rest can be compared. */
export function normal(value: unknown, daemon: Pick<MasterDaemon, 'masterId' | 'port' | 'workDir'>): unknown {
  const text = JSON.stringify(value)
    .replaceAll(daemon.masterId, 'MASTER')
    .replaceAll(String(daemon.port), '5050')
    .replaceAll(daemon.workDir, '/work')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replace(/"(\w*time|nanoseconds|timestamp|build_date)":(\d[\d.]*|"[^"]*")/g, '"$1":"TIME"');
  return JSON.parse(text);
}
