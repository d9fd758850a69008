import type { PluginHttp } from './manifest.js';
import type { Disposable } from './plugin.js';
import { token } from './tokens.js';

/** The services that a plugin may ask for in `requires`, by the id in the token's name. */

export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  child(fields: Record<string, unknown>): Logger;
}

/** Always there, needs no `requires`. */
export interface ClusterInfo {
  readonly clusterId: string;
  readonly clusterName: string;
  /** This plugin's host. */
  readonly host: 'master' | 'agent';
  /** Base URL of the local kernel daemon's public HTTP API, e.g. http://127.0.0.1:5050. */
  readonly kernelUrl: string;
  /** Address that daemons of this host listen on by default (loopback until told otherwise). */
  readonly listenIp: string;
  /** Added to every default port (flag --port-offset of `mezzo up`). */
  readonly portOffset: number;
  /** Private directory of this plugin, 0700, kept over restarts and upgrades. */
  readonly stateDir: string;
}
export const CLUSTER = token<ClusterInfo>('service/cluster');
export const LOG = token<Logger>('service/log');

/** A place of the manifest's `listens`, and the sockets that the host has open there: descriptors to listen on. */
export interface Listener {
  readonly ip: string;
  /** 0 when it is any, and the host has not opened it. */
  readonly port: number;
  /** Undefined when the host could not open it: the plugin tries itself, and finds out why. */
  readonly tcp?: number;
  readonly udp?: number;
}
/** By the names in `listens`. Always there, needs no `requires`. */
export const LISTENERS = token<Readonly<Record<string, Listener>>>('service/listeners');

export type StoreWrite =
  | { readonly op: 'put'; readonly key: string; readonly value: string }
  | { readonly op: 'delete'; readonly key: string };

export interface StoreEntry {
  readonly key: string;
  readonly value: string;
  /** Sequence number of the batch that wrote it. */
  readonly version: number;
}

/**
 * `store`: durable state of this plugin alone, served by the leading master. Keys are /-separated text (at most 512 bytes),
 * values text (at most 16 MiB together per batch). Reads see every commit that was acknowledged.
 */
export interface PluginStore {
  get(key: string): Promise<StoreEntry | undefined>;
  /** Sorted by key. */
  list(prefix: string): Promise<StoreEntry[]>;
  /** All or nothing, durable when it resolves; answers the batch's version. Rejects with STORE_UNAVAILABLE (retryable). */
  commit(batch: readonly StoreWrite[]): Promise<number>;
}
export const STORE = token<PluginStore>('service/store');

/** `endpoints`: how plugins in processes of their own find each other over HTTP. */
export interface EndpointAnnouncement {
  /** Name under which others look it up: `marathon`, `mesos_dns`, `exhibitor`. */
  readonly name: string;
  /** Base URL, reachable from the cluster's machines. */
  readonly url: string;
}
export interface Endpoints {
  /** Announces until disposed or the process ends. */
  announce(endpoint: EndpointAnnouncement): Promise<Disposable>;
  /** Calls at once with all that is known, and again upon each change. */
  watch(listener: (endpoints: readonly EndpointAnnouncement[]) => void): Disposable;
  /**
   * What the plugins of this host claim of the front door, by their manifests, whether they run or not: calls as soon as that is known, and again
   * upon each change.
   */
  watchClaims(listener: (claims: readonly HttpClaim[]) => void): Disposable;
}

export interface HttpClaim extends PluginHttp {
  /** Id of the plugin. */
  readonly plugin: string;
}
export const ENDPOINTS = token<Endpoints>('service/endpoints');

/** `cluster-key`: HS256 key that signs and verifies the cluster's tokens. Handed to few: the router. */
export interface ClusterKey {
  readonly secret: Uint8Array;
}
export const CLUSTER_KEY = token<ClusterKey>('service/cluster-key');

/** `metrics`: a prom-client registry, served by the host under the plugin's name. */
export interface Metrics {
  counter(
    name: string,
    help: string,
    labels?: readonly string[],
  ): { inc(labels?: Record<string, string>, value?: number): void };
  gauge(
    name: string,
    help: string,
    labels?: readonly string[],
  ): { set(value: number, labels?: Record<string, string>): void };
}
export const METRICS = token<Metrics>('service/metrics');
