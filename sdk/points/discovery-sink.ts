import type { DiscoveryInfo } from '../api/messages.js';
import { extensionPoint } from '../contract/tokens.js';

export interface RunningTaskPort {
  readonly number: number;
  readonly name?: string;
  /** `tcp`, `udp`; absent: it does not say. */
  readonly protocol?: string;
}

/** A task that runs (TASK_RUNNING). */
export interface RunningTask {
  /** `<framework's id>/<task's id>`: no two tasks have the same. */
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly framework: { readonly id: string; readonly name: string };
  /** `host` is the address at which it listens, or a name. */
  readonly agent: { readonly id: string; readonly host: string };
  /** Where others reach it: its own, when it is on a network of its own, or else its agent's `host`. */
  readonly addresses: readonly string[];
  /** Those of its discovery info, or else those of its resources. */
  readonly ports: readonly RunningTaskPort[];
  readonly labels: Readonly<Record<string, string>>;
  readonly discovery?: DiscoveryInfo;
  /** As its health check says; absent without one, and until the first result. */
  readonly healthy?: boolean;
}

export interface RunningTaskChange {
  /** New ones, and those of which something is not as it was. */
  readonly put: readonly RunningTask[];
  /** As they were told last. */
  readonly removed: readonly RunningTask[];
}

/**
 * Is told which tasks run, and where. Contributed by plugins in a process of their own, which runs on masters. Calls follow one after the other, never before the
 * call before has ended; `signal` is aborted when one takes too long (30 s), and when the plugin stops. A sink that is slow gets several changes as
 * one. What a new leader has not heard of yet is held to run on until its agent is back.
 */
export interface DiscoverySink {
  /** These run, and nothing else. Called first, after each lost connection, and again after each call that failed: to be told the same twice changes nothing. */
  replace(tasks: readonly RunningTask[], signal: AbortSignal): void | Promise<void>;
  change(change: RunningTaskChange, signal: AbortSignal): void | Promise<void>;
}

export const DISCOVERY_SINK = extensionPoint<DiscoverySink>('discovery-sink.v1');
