import { MezzoError } from '@mezzo/sdk/contract';

/** Where an ensemble is, and the node below which this cluster lives. */
export interface ZookeeperAddress {
  /** host:port, one or more, by commas: as clients of ZooKeeper take it. */
  readonly servers: string;
  /** Begins with a slash, and is more than that. */
  readonly path: string;
  /** user:password of the digest scheme: a secret. */
  readonly digest: string | undefined;
}

const SCHEME = 'zk://';
const SERVER = /^(?:[\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/;

export const isZookeeperUrl = (text: string): boolean => text.startsWith(SCHEME);

/** `zk://[user:password@]host:port[,host:port...]/path`. Throws INVALID_ZOOKEEPER_URL, without the password. */
export function parseZookeeperUrl(text: string): ZookeeperAddress {
  if (!isZookeeperUrl(text)) throw invalid('it does not begin with zk://');
  const rest = text.slice(SCHEME.length);
  const slash = rest.indexOf('/', rest.lastIndexOf('@') + 1);
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const at = authority.lastIndexOf('@');
  const digest = at < 0 ? undefined : authority.slice(0, at);
  if (digest !== undefined && !/^[^:]+:.+$/s.test(digest)) throw invalid('what stands before @ is not user:password');
  const servers = authority.slice(at + 1).split(',');
  const odd = servers.find((server) => !SERVER.test(server));
  if (odd !== undefined) throw invalid(`'${odd}' is not host:port`);
  const path = slash < 0 ? '/' : rest.slice(slash).replace(/(?<=.)\/+$/, '');
  if (path === '/') throw invalid('a path is missing: the root of ZooKeeper belongs to nobody');
  if (path.split('/').some((part, index) => index > 0 && (part === '' || part === '.' || part === '..')))
    throw invalid(`'${path}' is no path of a node`);
  return { servers: servers.join(','), path, digest };
}

/** The address without what nobody else may read. */
export const withoutSecret = (text: string): string => text.replace(/^zk:\/\/[^/]*@/s, 'zk://');

const invalid = (why: string): MezzoError =>
  new MezzoError('INVALID_ZOOKEEPER_URL', `this is no address of ZooKeeper: ${why}`, {
    blame: 'operator',
    next: 'write zk://host:port[,host:port...]/path, or zk://user:password@host:port/path',
  });
