import { extensionPoint } from '../contract/tokens.js';

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

export interface MetricSample {
  /** As Prometheus has it: `mezzo_master_tasks_running`, `http_requests_bucket`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** May be NaN, and infinite. */
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  /** Of its family: a `_bucket` of a histogram has `histogram`. */
  readonly type: MetricType;
}

export interface MetricsTarget {
  readonly kind: 'master' | 'agent' | 'plugin';
  /** Of a master `host:port`, of an agent the agent's id, of a plugin `<its daemon's id>/<plugin's id>`. */
  readonly id: string;
  readonly url: string;
}

/** What one target told this time. */
export interface Scrape {
  readonly target: MetricsTarget;
  readonly samples: readonly MetricSample[];
  /** Why there are none, or not all: it cannot be reached, refuses, or says more than is taken. */
  readonly problem?: string;
}

/**
 * Gets the metrics of the leading master, of all agents, and of the plugins that both host. Contributed by plugins in a process of their own, which runs on
 * masters; with `"placement": "leader"` each is told once.
 */
export interface MetricsSink {
  /** Seconds from one round to the next; at least 1. */
  readonly intervalSeconds: number;
  /**
   * Resolves when these are kept. Called several times a round, one call after the other. After a rejection it gets the same again, with growing pauses,
   * until the next round is due: what it has not taken by then is dropped, and said to be. `signal` is aborted when it takes too long (30 s), and when the plugin stops.
   */
  write(scrapes: readonly Scrape[], signal: AbortSignal): void | Promise<void>;
}

export const METRICS_SINK = extensionPoint<MetricsSink>('metrics-sink.v1');
