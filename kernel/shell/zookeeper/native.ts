import { MezzoError, messageOf } from '@mezzo/sdk/contract';

type Done = (code: number, text: unknown, ...values: unknown[]) => void;
type Watcher = () => void;

/**
 * What we use of the package `zookeeper`. Stated here, since the package is optional (it is compiled when it is installed) and
 * what does not need it must build and run without it.
 */
export interface NativeClient {
  /** Of the session, as granted; -1 or 0 when there is none. */
  readonly timeout: number;
  init(config: Record<string, unknown>): unknown;
  close(): void;
  on(event: 'connect' | 'connecting' | 'close', listener: () => void): void;
  add_auth(scheme: string, secret: string, done: Done): unknown;
  a_create(path: string, data: string | Buffer, flags: number, done: Done): unknown;
  a_get(path: string, watch: boolean, done: Done): unknown;
  aw_get(path: string, watcher: Watcher, done: Done): unknown;
  a_get_children(path: string, watch: boolean, done: Done): unknown;
  aw_get_children(path: string, watcher: Watcher, done: Done): unknown;
  a_set(path: string, data: string | Buffer, version: number, done: Done): unknown;
  a_delete_(path: string, version: number, done: Done): unknown;
  a_set_acl(path: string, version: number, acl: readonly object[], done: Done): unknown;
}

const PACKAGE = 'zookeeper';

/** Rejects with ZOOKEEPER_CLIENT_MISSING where it was not compiled. */
export async function newNativeClient(): Promise<NativeClient> {
  const { default: Client } = (await import(PACKAGE).catch((error: unknown) => {
    throw clientMissing(error);
  })) as { default: new (config: object) => NativeClient };
  return new Client({});
}

const clientMissing = (cause: unknown): MezzoError =>
  new MezzoError('ZOOKEEPER_CLIENT_MISSING', `the client of ZooKeeper cannot be loaded: ${messageOf(cause)}`, {
    blame: 'operator',
    next: 'install build-essential and python3, then run `npm run build:zookeeper` where Mezzo is installed',
    cause,
  });
