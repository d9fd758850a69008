import type { ClusterInfo, Listener, PluginManifest, PluginState } from '../contract/index.js';

/** What a plugin in a process of its own may ask for in `requires`. */
export const OWN_PROCESS_SERVICES = [
  'scheduler',
  'operator-events',
  'store',
  'endpoints',
  'cluster-key',
  'metrics',
] as const;

/** What a plugin in a process of its own may contribute: sinks, which the runner drives. */
export const OWN_PROCESS_POINTS = ['event-sink.v1', 'metrics-sink.v1', 'discovery-sink.v1'] as const;

/** The file (0600) that tells the runner what to run. */
export interface RunSpec {
  readonly format: 1;
  /** Unpacked package, holds package.json and the entry module. */
  readonly pluginDir: string;
  readonly manifest: PluginManifest;
  readonly config: unknown;
  readonly cluster: ClusterInfo;
  /** Unix socket of the host's plugin API. */
  readonly apiSocket: string;
  /** Holds the plugin's token for that API. */
  readonly tokenFile: string;
  /** Holds the token that speaks for the plugin on the kernel's public APIs; written anew before it expires. */
  readonly kernelTokenFile: string;
  /** PEM of the authority that the kernel's certificates come from, when it speaks HTTPS and not every system knows it. */
  readonly caFile?: string;
  /** Unix socket that the runner listens on for its host. */
  readonly controlSocket: string;
  /** Only for plugins that require `cluster-key`. */
  readonly clusterKeyFile?: string;
  /** Where it is to listen, with the descriptors that it has been started with. */
  readonly listeners: Readonly<Record<string, Listener>>;
  /** debug, info, warn or error. */
  readonly logLevel: string;
  /** Fingerprint of all of the above but descriptors and control socket: a running plugin with another one is replaced. */
  readonly digest: string;
}

/** What a runner says about itself on its control socket. */
export interface RunStatus {
  readonly pluginId: string;
  readonly version: string;
  readonly digest: string;
  readonly pid: number;
  readonly state: PluginState;
  readonly reason?: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endpoints: Readonly<Record<string, string>>;
}

// The control socket speaks newline-separated JSON. A status comes upon connecting and with each change.
export type ControlRequest = { readonly type: 'stop' | 'drain' } | { readonly type: 'metrics'; readonly id: number };
export type ControlMessage =
  | { readonly type: 'status'; readonly status: RunStatus }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string };

/** Longest line on a control socket or an event stream. */
export const LINE_LIMIT_BYTES = 4 * 1024 * 1024;

/** Exit status of a runner whose plugin is not for this machine. */
export const EXIT_SKIPPED = 10;
/** Exit status of a runner that found another one at its control socket. */
export const EXIT_OCCUPIED = 11;
