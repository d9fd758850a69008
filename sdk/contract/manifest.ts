export type RunsOn = 'master' | 'agent';
export type PluginProcess = 'own' | 'kernel';
export type Placement = 'every' | 'leader';
export type OnFailure = 'degrade' | 'abort';

/** The `mezzo` field of a plugin's package.json, checked and with its defaults filled in. */
export interface PluginManifest {
  /** kebab-case, at most 64 characters: `dns`, `containerizer-docker`. */
  readonly id: string;
  /** The package's name: `@mezzo/plugin-dns`. */
  readonly name: string;
  /** The package's version. */
  readonly version: string;
  /** The package's description. */
  readonly description: string;
  /** Semver range of the SDK it was written for. */
  readonly sdk: string;
  /** Empty: it brings commands alone, and no node ever has it. */
  readonly runsOn: readonly RunsOn[];
  /** `own` (default): a process of its own. `kernel`: only for contributions that the kernel calls. */
  readonly process: PluginProcess;
  /** `every` master (default), or only the leading one. */
  readonly placement: Placement;
  /** Module with the plugin definition as its default export, relative to the package. Where `runsOn` is empty: that of the commands. */
  readonly entry: string;
  /** JSON Schema of its configuration; unknown keys are rejected. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Ids of services and extension points that it may resolve. */
  readonly requires: readonly string[];
  /** Ids of extension points whose contributions it takes, however many there are: also none. They are there before it is activated. */
  readonly uses: readonly string[];
  /** Ids of services and extension points that it contributes. */
  readonly provides: readonly string[];
  /** Plugins that it works with: id -> semver range. It is not installed without them, nor they removed from under it. */
  readonly dependsOn: Readonly<Record<string, string>>;
  /** What its token lets it do, besides what `requires` gives it. */
  readonly permissions: PluginPermissions;
  /**
   * Sockets that the host opens for a process of its own, by name, and keeps open while that process is exchanged: at an upgrade the new one serves beside the old one, which
   * ends what it has begun. At most 3.
   */
  readonly listens: Readonly<Record<string, ManifestListener>>;
  readonly onFailure: OnFailure;
  /** Of a process of its own with all that it starts: bounded where there are cgroups, Node's heap in any case. */
  readonly limits: { readonly memoryMib: number; readonly cpus?: number };
  /** Commands that it adds to `mezzo` on the machines of those who want them. */
  readonly cli?: PluginCommands;
  /** What it claims of the front door of the cluster. */
  readonly http?: PluginHttp;
}

/** Of the router's paths. Defaults are filled in. */
export interface PluginHttp {
  /** Name of the announced endpoint that serves all of it. Default: the plugin's id. */
  readonly endpoint: string;
  /** Requests for these paths, and those below them, go to it as they are; without a token only where that is said. */
  readonly routes: readonly { readonly path: string; readonly public: boolean }[];
  /** Before requests for these paths and those below them are passed on it is asked; `authorization`: it sees credentials that are not the cluster's. */
  readonly middleware: readonly { readonly path: string; readonly authorization: boolean }[];
  /** Listed on the start page of the router; below its own routes. */
  readonly pages: readonly { readonly title: string; readonly path: string }[];
}

/** What is known of a plugin's commands before any of its code is loaded. */
export interface PluginCommands {
  /** Module with the commands by their names as its default export, relative to the package. */
  readonly entry: string;
  /** What each does, by its name: `jobs run`. */
  readonly commands: Readonly<Record<string, string>>;
}

export interface ManifestListener {
  /** One number for all of them. Default: TCP. */
  readonly protocols: readonly ('tcp' | 'udp')[];
  /** Unless the configuration says otherwise; moves with the cluster's port offset. 0: any that is free. */
  readonly port: number;
  /** Keys of the plugin's configuration that say otherwise. Default: `port` and `listenIp`. */
  readonly portKey: string;
  readonly ipKey: string;
}

/** Defaults are filled in. */
export interface PluginPermissions {
  /** Roles that it may be a framework under. Default: `*` for those that require `scheduler`, none for others. */
  readonly roles: 'any' | readonly string[];
  /** The operator API of masters and agents. Default: `read` for those that require `operator-events` or contribute a sink, nothing for others. */
  readonly operator: 'none' | 'read' | 'write';
  /** Names of endpoints that it may announce, and thereby routes below /service that it gets. Default: its id. */
  readonly endpoints: readonly string[];
}

export type PluginState =
  'discovered' | 'loaded' | 'configured' | 'active' | 'skipped' | 'degraded' | 'failed' | 'stopping' | 'stopped';

/** One row of `mezzo plugin list`. */
export interface PluginStatus {
  readonly id: string;
  readonly version: string;
  readonly state: PluginState;
  /** Why it is skipped, degraded or failed, and what to do. */
  readonly reason?: string;
  readonly process: PluginProcess;
  readonly runsOn: readonly RunsOn[];
  /** Only for a plugin in a process of its own. */
  readonly pid?: number;
  readonly startedAt?: string;
  /** Version that the daemon loads at its next start in the place of this one; 'none': it is taken away or disabled then. */
  readonly next?: string;
  /** Of one in the daemon's process: digest of the configuration that operators gave, as `next` takes it, or else as this one has it; '' = none. */
  readonly config?: string;
  /** Flag of this daemon that names what the plugin brings, '--allocator=tiers': it is not removed or disabled as long as that is given. */
  readonly needed?: string;
  readonly restarts: number;
  /** Of a process of its own: whether it has a user and a view of the machine of its own. */
  readonly isolation?: 'full' | 'none';
  /** HTTP endpoints it announced: name -> URL. */
  readonly endpoints: Readonly<Record<string, string>>;
}

/** First words of paths that are the router's own. */
const ROUTER_WORDS: readonly string[] = [
  ...['service', 'marathon', 'mesos', 'mesos_dns', 'exhibitor', 'agent', 'slave', 'router', 'acs', 'login', 'health'],
  ...['metadata', 'dcos-metadata', 'pkgpanda', 'favicon.ico', 'assets', 'cache', 'system', 'package', 'cosmos'],
  ...['capabilities', 'net', 'navstar', 'nginx', 'internal', 'dcos-ui-update-service'],
];

/** Of the router itself: no plugin can claim it. */
export const isRouterPath = (path: string): boolean => ROUTER_WORDS.includes(path.split('/', 2)[1] ?? '');

/** `path` is `prefix`, or below it. */
export const isUnder = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
