import type { ContainerInfo } from '../api/messages.js';
import { extensionPoint } from '../contract/tokens.js';

/** Amounts as the kernel accounts them. `undefined` limit = same as the request; 'unlimited' = no bound. */
export interface ContainerResources {
  readonly cpusMilli: number;
  /** Of `cpusMilli`, what it may use as long as nobody else wants it: a hundredth of a share. Default 0. */
  readonly revocableCpusMilli?: number;
  readonly memMib: number;
  readonly diskMib?: number;
  readonly gpus?: number;
  readonly limits?: { readonly cpusMilli?: number | 'unlimited'; readonly memMib?: number | 'unlimited' };
}

export interface ContainerCommand {
  /** True: `argv[0]` is a text for `/bin/sh -c`. False: argv is executed as it stands; empty = the image's own command. */
  readonly shell: boolean;
  readonly argv: readonly string[];
  /** Complete environment, MESOS_SANDBOX excepted, which the containerizer sets to where the sandbox is inside. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * User of the agent's machine to run as; undefined = the agent's own. Unprivileged agents can only use their own. Where an image brings
   * users of its own, it is not applied.
   */
  readonly user?: string;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface ContainerSpec {
  /** Unique for ever; [A-Za-z0-9._-], at most 128 characters. Names of cgroups, containers and pid files come from it. */
  readonly containerId: string;
  /** Short id of the cluster and agent, part of every name that is visible on the machine. */
  readonly owner: string;
  readonly command: ContainerCommand;
  /** The task's ContainerInfo as the framework sent it: type, image, network, port mappings, volumes, parameters. */
  readonly container?: ContainerInfo;
  readonly resources: ContainerResources;
  /**
   * The running container of the same owner that this one lives in: it shares the parent's network, hostname and ipc, has processes of its
   * own, is counted and bounded together with the outermost one (`resources` is not looked at), and ends at the latest with its parent, in whose sandbox its own is.
   */
  readonly parent?: string;
  /**
   * Its input and output are streams for `attach`, not files; the sandbox is left as it is. Such a container is of no use to a later
   * life of its containerizer. With `tty` it has a terminal of that size, and its output is all on stdout.
   */
  readonly streams?: { readonly tty?: TerminalSize };
  /** Host directory, exists, holds the fetched files; stdout and stderr go into files of those names there. */
  readonly sandbox: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Plain JSON, checkpointed by the agent before the launch is reported and handed back to `recover` after a restart. */
export interface ContainerCheckpoint {
  readonly containerId: string;
  /** Format version of `data`, so that an upgraded containerizer can recover old containers. */
  readonly version: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface ContainerExit {
  /** Exit code of the main process, or undefined when a signal ended it or it is not known. */
  readonly code?: number;
  /** Name of the signal that ended it: 'SIGKILL'. */
  readonly signal?: string;
  /** `oom`: killed for its memory limit. `disk`: over its disk quota. `other`: for a bound that the message names. `unknown`: ended while nobody could watch. */
  readonly limitation?: 'oom' | 'disk' | 'other' | 'unknown';
  /** For people: 'Command exited with status 3', 'Memory limit exceeded: 32 MiB'. */
  readonly message: string;
}

export interface ContainerNetwork {
  readonly ipAddresses: readonly string[];
}

export interface LaunchedContainer {
  readonly checkpoint: ContainerCheckpoint;
  /** Main process as the host sees it, when there is one. */
  readonly pid?: number;
  /** Addresses of its own; undefined = the host's network. */
  readonly network?: ContainerNetwork;
}

export interface ContainerOutput {
  readonly from: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

/** The streams of one container. */
export interface ContainerStreams {
  /** Resolves when the container, or what lies in between, has taken it. */
  write(data: Uint8Array): Promise<void>;
  /** Nothing more will be written: the container reads the end. */
  end(): void;
  /** What it prints, for one reader; over when the container is. While nothing is taken, the container waits when it prints. */
  output(): AsyncIterable<ContainerOutput>;
  /** Rejects with NOT_SUPPORTED without a terminal. */
  resize(size: TerminalSize): Promise<void>;
}

/** Amounts used since start, or now, in the names of the API. Missing = cannot be told on this machine. */
export interface ContainerStatistics {
  readonly timestampMs: number;
  readonly cpusUserTimeSecs?: number;
  readonly cpusSystemTimeSecs?: number;
  readonly cpusLimitMilli?: number;
  /** How often its time was dealt out, how often it used all of it, and how long it had to wait then. */
  readonly cpusNrPeriods?: number;
  readonly cpusNrThrottled?: number;
  readonly cpusThrottledTimeSecs?: number;
  readonly memTotalBytes?: number;
  readonly memKmemUsageBytes?: number;
  readonly memKmemTcpUsageBytes?: number;
  readonly memRssBytes?: number;
  readonly memAnonBytes?: number;
  readonly memFileBytes?: number;
  readonly memCacheBytes?: number;
  readonly memMappedFileBytes?: number;
  readonly memSwapBytes?: number;
  readonly memUnevictableBytes?: number;
  readonly memLimitBytes?: number;
  readonly processes?: number;
}

/** What this machine lets the containerizer do. The agent reports it; `doctor` explains each lack. */
export interface ContainerizerCapabilities {
  /** pid, mnt, uts, ipc namespaces. */
  readonly namespaces: boolean;
  /** 'v1' | 'v2' when cpu and memory limits are enforced, 'none' when they are only accounted. */
  readonly cgroups: 'v1' | 'v2' | 'none';
  readonly images: boolean;
  /** Containers in containers (`parent`), and `update`. */
  readonly nesting: boolean;
  /** Whether containers can have `streams`, and with a terminal. */
  readonly streams: 'none' | 'plain' | 'tty';
  /** Lacks and what they cost, one sentence each. */
  readonly notes: readonly string[];
}

export interface ExecResult {
  readonly code: number;
  /** The last 64 KiB of stdout and stderr together. */
  readonly output: string;
}

/**
 * Runs containers. The agent calls `recover` once before anything else, then any method; calls for different containers may
 * overlap, calls for one container come one after another, except `kill`, `statistics` and `exec` beside a pending `wait`.
 * Containers outlive the process that hosts the containerizer. Failures reject with a MezzoError and leave nothing behind.
 */
export interface Containerizer {
  /** As in the --containerizers flag: 'mesos', 'docker'. Containers of type MESOS (or none) and DOCKER go there. */
  readonly name: string;
  capabilities(): Promise<ContainerizerCapabilities>;
  /**
   * Takes back the containers of an earlier life by their checkpoints, and destroys every other container of `owner`
   * (orphans), and those whose parent is not taken back. Answers the ids it found running or whose exit it can still tell through `wait`; the rest are lost.
   */
  recover(owner: string, checkpoints: readonly ContainerCheckpoint[]): Promise<readonly string[]>;
  /** Resolves once the main process runs. Rejects with CONTAINER_LAUNCH_FAILED. */
  launch(spec: ContainerSpec): Promise<LaunchedContainer>;
  /** Resolves when the container has ended. May be called any number of times until `remove`. Rejects with CONTAINER_NOT_FOUND. */
  wait(containerId: string): Promise<ContainerExit>;
  /**
   * SIGTERM (or the image's own stop signal) to the container, SIGKILL to all of it after `graceMs`. Resolves when the signal was sent.
   * Idempotent, also for what has ended or never was; a later call may bring SIGKILL forward, never put it off. The grace does not
   * survive a restart: call again after `recover`.
   */
  kill(containerId: string, graceMs: number): Promise<void>;
  /**
   * Sends a signal by its number to the container's first process and its group; 9 (SIGKILL) ends all of it. Idempotent, also for what has
   * ended or never was.
   */
  signal(containerId: string, signal: number): Promise<void>;
  /**
   * Other amounts for an outermost container, since containers came into it or left it. A bound on memory is only ever raised. Rejects with
   * CONTAINER_NOT_FOUND, and with NOT_SUPPORTED without `nesting`.
   */
  update(containerId: string, resources: ContainerResources): Promise<void>;
  statistics(containerId: string): Promise<ContainerStatistics>;
  /**
   * Runs a command inside the container (health checks). Kills it at the deadline: rejects with EXEC_TIMEOUT; with EXEC_FAILED when it
   * cannot be started, with CONTAINER_NOT_FOUND when the container has ended.
   */
  exec(containerId: string, command: ContainerCommand, timeoutMs: number): Promise<ExecResult>;
  /** The streams of a container that was launched with them. Rejects with CONTAINER_NOT_FOUND, or NOT_SUPPORTED. */
  attach(containerId: string): Promise<ContainerStreams>;
  /** Forgets a container and removes its traces, not the sandbox; one that runs is killed first. Idempotent. */
  remove(containerId: string): Promise<void>;
  /** Stops watching. Containers run on. */
  close(): Promise<void>;
}

export const CONTAINERIZER = extensionPoint<Containerizer>('containerizer.v1');
