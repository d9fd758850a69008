import { hasCode, MezzoError } from '@mezzo/sdk/contract';
import type { ZookeeperAddress } from './address.js';
import { newNativeClient, type NativeClient } from './native.js';

/**
 * `connecting`: nobody is heard, and the server may end the session any moment after its timeout. `over`: the session has expired,
 * was refused or closed; it never comes back, and all that was ephemeral is gone or will be.
 */
export type SessionState = 'connecting' | 'connected' | 'over';

export interface NodeOptions {
  /** Goes when the session ends. */
  readonly ephemeral?: boolean;
  /** The server appends ten digits, higher than any before below the same parent. */
  readonly sequence?: boolean;
  /** With credentials: others may not even read it. */
  readonly secret?: boolean;
}

export interface ZookeeperNode {
  readonly data: Buffer;
  /** Of this node's data. */
  readonly version: number;
  /** Made by this session, and gone with it. */
  readonly isOwn: boolean;
}

/** A node of more than this may be written but never read again: reading it ends the session. */
export const MAX_NODE_BYTES = 900_000;

const EPHEMERAL = 1;
const SEQUENCE = 2;
const PERM_READ = 1;
/**
 * The client gives up a session after this many reads in a row without a whole answer, 10 by default: too few for an answer of
 * a few hundred kB, or for a small one that a slow network delivers in pieces.
 */
const RESPONSE_COUNTER_LIMIT = 100_000;

/** What the server answers, as the codes of our errors; others are ZOOKEEPER_FAILED. */
const CODES = {
  '-4': 'ZOOKEEPER_CONNECTION_LOST',
  '-7': 'ZOOKEEPER_CONNECTION_LOST',
  '-9': 'ZOOKEEPER_SESSION_OVER',
  '-101': 'ZOOKEEPER_NO_NODE',
  '-102': 'ZOOKEEPER_NOT_ALLOWED',
  '-103': 'ZOOKEEPER_VERSION',
  '-110': 'ZOOKEEPER_NODE_EXISTS',
  '-111': 'ZOOKEEPER_NOT_EMPTY',
  '-112': 'ZOOKEEPER_SESSION_OVER',
  '-114': 'ZOOKEEPER_INVALID_ACL',
  '-115': 'ZOOKEEPER_NOT_ALLOWED',
  '-116': 'ZOOKEEPER_SESSION_OVER',
} as Readonly<Record<string, string>>;

interface Stat {
  readonly version: number;
  readonly createdInThisSession: boolean;
}

type Call = (done: (code: number, text: unknown, ...values: unknown[]) => void) => unknown;

/**
 * One session of the native client, with its traps behind it: numbers become codes, silence becomes an error after its timeout,
 * and with credentials every node that is made here can be read by all and changed by us alone. Main thread only.
 *
 * After ZOOKEEPER_CONNECTION_LOST nobody knows whether a change has landed: read it back.
 */
export class ZookeeperSession {
  private current: SessionState = 'connecting';
  private readonly listeners = new Set<(state: SessionState) => void>();
  private readonly pending = new Set<(error: MezzoError) => void>();

  private constructor(
    private readonly client: NativeClient,
    private readonly address: ZookeeperAddress,
    private readonly askedTimeoutMs: number,
  ) {
    client.on('connect', () => this.become('connected'));
    client.on('connecting', () => this.become('connecting'));
    client.on('close', () => this.become('over'));
  }

  /** Begins to connect, and does not wait for it. Rejects with ZOOKEEPER_CLIENT_MISSING or ZOOKEEPER_ADDRESS. */
  static async open(address: ZookeeperAddress, timeoutMs: number): Promise<ZookeeperSession> {
    const client = await newNativeClient();
    const session = new ZookeeperSession(client, address, timeoutMs);
    const config = { connect: address.servers, timeout: timeoutMs, debug_level: 0 };
    const begun: unknown = client.init({ ...config, response_counter_limit: RESPONSE_COUNTER_LIMIT });
    if (begun instanceof Error) throw unusable(address, begun);
    if (address.digest !== undefined) client.add_auth('digest', address.digest, () => undefined);
    return session;
  }

  get state(): SessionState {
    return this.current;
  }

  /** What the server has granted, or what was asked for as long as there is none. */
  get timeoutMs(): number {
    return this.client.timeout > 0 ? this.client.timeout : this.askedTimeoutMs;
  }

  /** Calls at each change. The answer stops it. */
  onState(listener: (state: SessionState) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Answers the node's path, with its sequence number if it has one. */
  async create(path: string, data: string | Buffer, options: NodeOptions = {}): Promise<string> {
    const bytes = Buffer.byteLength(data);
    if (bytes > MAX_NODE_BYTES) throw tooLarge(path, bytes);
    const flags = (options.ephemeral ? EPHEMERAL : 0) | (options.sequence ? SEQUENCE : 0);
    const [made] = (await this.ask(path, (done) => this.client.a_create(path, data, flags, done))) as [string];
    await this.guard(made, options);
    return made;
  }

  /** Makes the node and its ancestors, empty, where they are missing. */
  async ensure(path: string): Promise<void> {
    for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      const part = end < 0 ? path : path.slice(0, end);
      await this.create(part, '').catch(unless('ZOOKEEPER_NODE_EXISTS', undefined));
      if (end < 0) return;
    }
  }

  /** Undefined when there is none. `changed` is told once: when its data changes, or it goes. */
  async get(path: string, changed?: () => void): Promise<ZookeeperNode | undefined> {
    const got = await this.ask(path, (done) =>
      changed ? this.client.aw_get(path, () => changed(), done) : this.client.a_get(path, false, done),
    ).catch(unless('ZOOKEEPER_NO_NODE', undefined));
    if (got === undefined) return undefined;
    const [{ version, createdInThisSession: isOwn }, data] = got as [Stat, Buffer | null];
    return { data: data ?? Buffer.alloc(0), version, isOwn };
  }

  /** Names below it, in no order; undefined when there is no such node. `changed` is told once: when one comes or goes. */
  async children(path: string, changed?: () => void): Promise<readonly string[] | undefined> {
    const got = await this.ask(path, (done) =>
      changed
        ? this.client.aw_get_children(path, () => changed(), done)
        : this.client.a_get_children(path, false, done),
    ).catch(unless('ZOOKEEPER_NO_NODE', undefined));
    return got && (got[0] as readonly string[]);
  }

  /** False when there was none. With `version`, only if its data has that one: ZOOKEEPER_VERSION. */
  async delete(path: string, version = -1): Promise<boolean> {
    const gone = await this.ask(path, (done) => this.client.a_delete_(path, version, done)).catch(
      unless('ZOOKEEPER_NO_NODE', undefined),
    );
    return gone !== undefined;
  }

  /** With `version`, only if its data has that one: ZOOKEEPER_VERSION. */
  async set(path: string, data: string | Buffer, version = -1): Promise<void> {
    const bytes = Buffer.byteLength(data);
    if (bytes > MAX_NODE_BYTES) throw tooLarge(path, bytes);
    await this.ask(path, (done) => this.client.a_set(path, data, version, done));
  }

  /** Ends the session: what is ephemeral goes at once. */
  close(): void {
    if (this.current === 'over') return;
    this.client.close();
    this.become('over');
  }

  /** The client makes nodes open to all: with credentials they are closed a moment later. `create` does so itself. */
  async guard(path: string, { secret = false }: Pick<NodeOptions, 'secret'> = {}): Promise<void> {
    if (this.address.digest === undefined) return;
    const everyoneReads = { perms: PERM_READ, scheme: 'world', auth: 'anyone' };
    const creatorAll = { perms: 31, scheme: 'auth', auth: '' };
    const acl = secret ? [creatorAll] : [everyoneReads, creatorAll];
    await this.ask(path, (done) => this.client.a_set_acl(path, -1, acl, done));
  }

  /** The answer's values. The client says nothing at all while no server is reached: hence a time of our own. */
  private ask(path: string, call: Call): Promise<unknown[]> {
    if (this.current === 'over') return Promise.reject(failed('-112', path));
    return new Promise((resolve, reject) => {
      const settle = (error: MezzoError | undefined, values: unknown[] = []): void => {
        if (!this.pending.delete(fail)) return;
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(values);
      };
      const fail = (error: MezzoError): void => settle(error);
      const timer = setTimeout(() => fail(failed('-7', path)), this.timeoutMs);
      this.pending.add(fail);
      const rc = call((code, _text, ...values) => settle(code === 0 ? undefined : failed(String(code), path), values));
      if (typeof rc === 'number' && rc !== 0) fail(failed(String(rc), path));
    });
  }

  private become(state: SessionState): void {
    if (this.current === state || this.current === 'over') return;
    this.current = state;
    if (state === 'over') for (const fail of [...this.pending]) fail(failed('-112', ''));
    for (const listener of [...this.listeners]) listener(state);
  }
}

/** For `catch`: this failure is an answer. */
const unless =
  <T>(code: string, answer: T) =>
  (error: unknown): T => {
    if (hasCode(error, code)) return answer;
    throw error;
  };

function failed(number: string, path: string): MezzoError {
  const code = CODES[number] ?? 'ZOOKEEPER_FAILED';
  const where = path === '' ? '' : ` at ${path}`;
  return new MezzoError(code, `ZooKeeper answered ${number}${where}`, {
    blame: 'environment',
    retryable: code === 'ZOOKEEPER_CONNECTION_LOST',
    details: { number: Number(number), ...(path !== '' && { path }) },
  });
}

const tooLarge = (path: string, bytes: number): MezzoError =>
  new MezzoError('ZOOKEEPER_NODE_TOO_LARGE', `${path} would have ${bytes} bytes; a node holds ${MAX_NODE_BYTES}`, {
    blame: 'kernel',
    details: { path, bytes, maxBytes: MAX_NODE_BYTES },
  });

const unusable = ({ servers }: ZookeeperAddress, cause: Error): MezzoError =>
  new MezzoError('ZOOKEEPER_ADDRESS', `none of ${servers} can be used: ${cause.message}`, {
    blame: 'operator',
    next: 'name the servers of the ensemble as host:port',
    cause,
  });
