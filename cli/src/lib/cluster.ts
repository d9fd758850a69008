import { homedir } from 'node:os';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MezzoError } from '@mezzo/sdk/contract';
import { authorityFile, clusterKey, mintToken } from '@mezzo/sdk/secrets';
import { http, httpBytes, httpJson, openRequest, type HttpAnswer, type HttpOptions, type OpenRequest } from './http.js';
import { readJson, WorkDir, writeJson } from './workdir.js';

interface Context {
  readonly url: string;
  readonly token: string;
}
interface Contexts {
  current?: string;
  contexts: Record<string, Context>;
}

const contextsFile = (): string => process.env.MEZZO_CONTEXTS ?? join(homedir(), '.mezzo', 'contexts.json');

export function saveContext(name: string, context: Context): void {
  const all = readJson<Contexts>(contextsFile()) ?? { contexts: {} };
  writeJson(contextsFile(), { current: name, contexts: { ...all.contexts, [name]: context } });
}

export interface Target {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly context?: string | undefined;
  readonly workDir: WorkDir;
}

/** Long enough for one command, short enough to be worthless when it leaks. */
const LOCAL_TOKEN_SECONDS = 3600;

/** A cluster as the CLI reaches it: everything goes through the router, with a token. */
export class Cluster {
  private constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  /** --url/--token, then MEZZO_URL/MEZZO_TOKEN (read by the flags), then a named context, then the local work directory. */
  static async find({ url, token, context, workDir }: Target): Promise<Cluster> {
    if (url !== undefined) {
      const base = url.replace(/\/+$/, '');
      return new Cluster(base, token ?? tokenOf(base) ?? '');
    }
    const contexts = readJson<Contexts>(contextsFile());
    if (context !== undefined) {
      const found = contexts?.contexts[context];
      if (!found)
        throw new MezzoError('NO_CONTEXT', `there is no context '${context}'`, {
          blame: 'user',
          next: `known: ${Object.keys(contexts?.contexts ?? {}).join(', ') || 'none'}; make one with \`mezzo auth login --url URL --context ${context}\``,
        });
      return new Cluster(found.url, token ?? found.token);
    }
    const local = workDir.cluster;
    if (local !== undefined) return new Cluster(local.routerUrl, token ?? (await localToken(workDir)));
    const current = contexts?.current === undefined ? undefined : contexts.contexts[contexts.current];
    if (current !== undefined) return new Cluster(current.url, token ?? current.token);
    throw new MezzoError('NO_CLUSTER', `no cluster is known: ${workDir.path} holds none, and no --url is given`, {
      blame: 'user',
      next: 'start one with `mezzo up`, or name one with --url and --token',
    });
  }

  json<T>(path: string, options: HttpOptions = {}): Promise<T> {
    return httpJson<T>(this.url + path, { ...options, token: this.token });
  }

  raw(path: string, options: HttpOptions = {}): Promise<HttpAnswer> {
    return http(this.url + path, { ...options, token: this.token });
  }

  bytes(path: string): Promise<Buffer> {
    return httpBytes(this.url + path, { token: this.token });
  }

  /** A request whose body and answer are streams. */
  open(path: string, method: string, headers: Readonly<Record<string, string>>): Promise<OpenRequest> {
    return openRequest(this.url + path, method, { ...headers, authorization: `Bearer ${this.token}` });
  }
}

function tokenOf(url: string): string | undefined {
  return Object.values(readJson<Contexts>(contextsFile())?.contexts ?? {}).find((context) => context.url === url)
    ?.token;
}

/** How to ask the daemons of a local cluster themselves. */
export const kernelOptions = async (workDir: WorkDir): Promise<Pick<HttpOptions, 'token' | 'caFile'>> => ({
  token: await localToken(workDir),
  caFile: authorityFile(workDir.secrets),
});

/** URL of the daemon of a local cluster that listens there; all of them speak what the master speaks. */
export const kernelUrl = (workDir: WorkDir, address: string): string =>
  `${workDir.cluster?.masterUrl.startsWith('https:') ? 'https' : 'http'}://${address}`;

/** Whoever can read the cluster's key may act for its administrator. */
export async function localToken(workDir: WorkDir, ttlSeconds = LOCAL_TOKEN_SECONDS): Promise<string> {
  if (!existsSync(workDir.at('secrets', 'cluster.key'))) {
    throw new MezzoError('NO_KEY', `${workDir.secrets} holds no cluster key that this user can read`, {
      blame: 'user',
      next: 'log in instead: `mezzo auth login`',
    });
  }
  return mintToken(clusterKey(workDir.secrets), { uid: 'admin', scope: 'operator' }, ttlSeconds);
}
