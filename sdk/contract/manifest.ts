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
  readonly runsOn: readonly RunsOn[];
  /** `own` (default): a process of its own. `kernel`: only for contributions that the kernel calls. */
  readonly process: PluginProcess;
  /** `every` master (default), or only the leading one. */
  readonly placement: Placement;
  /** Module with the plugin definition as its default export, relative to the package. */
  readonly entry: string;
  /** JSON Schema of its configuration; unknown keys are rejected. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Ids of services and extension points that it may resolve. */
  readonly requires: readonly string[];
  /** Ids of services and extension points that it contributes. */
  readonly provides: readonly string[];
  /** Plugins that it works with: id -> semver range. It is not installed without them, nor they removed from under it. */
  readonly dependsOn: Readonly<Record<string, string>>;
  readonly onFailure: OnFailure;
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
  readonly restarts: number;
  /** HTTP endpoints it announced: name -> URL. */
  readonly endpoints: Readonly<Record<string, string>>;
}
