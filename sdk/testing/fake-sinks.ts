import type { MasterEvent } from '../api/messages.js';
import type { DiscoverySink, RunningTask, RunningTaskChange } from '../points/discovery-sink.js';
import type { EventBatch, EventSink } from '../points/event-sink.js';
import type { MetricsSink, Scrape } from '../points/metrics-sink.js';

/** What a fake sink does when it is called: it may fail, or hang for a while, before it takes what it is given. */
class Behaviour {
  /** Rejects with this, having taken nothing. */
  failure: Error | undefined;
  /** Waits for this first. */
  gate: Promise<void> = Promise.resolve();
  /** Calls under way; more than one never should be. */
  running = 0;
  most = 0;
  calls = 0;

  protected async called(take: () => void): Promise<void> {
    this.calls++;
    this.most = Math.max(this.most, ++this.running);
    try {
      await this.gate;
      if (this.failure !== undefined) throw this.failure;
      take();
    } finally {
      this.running--;
    }
  }
}

export class FakeEventSink extends Behaviour implements EventSink {
  readonly batches: EventBatch[] = [];

  get events(): MasterEvent[] {
    return this.batches.flatMap(({ events }) => events);
  }

  write(batch: EventBatch): Promise<void> {
    return this.called(() => this.batches.push(batch));
  }
}

export class FakeMetricsSink extends Behaviour implements MetricsSink {
  readonly scrapes: Scrape[] = [];

  constructor(readonly intervalSeconds = 10) {
    super();
  }

  write(scrapes: readonly Scrape[]): Promise<void> {
    return this.called(() => this.scrapes.push(...scrapes));
  }
}

export class FakeDiscoverySink extends Behaviour implements DiscoverySink {
  readonly shown = new Map<string, RunningTask>();
  replaced = 0;

  replace(tasks: readonly RunningTask[]): Promise<void> {
    return this.called(() => {
      this.replaced++;
      this.shown.clear();
      for (const task of tasks) this.shown.set(task.key, task);
    });
  }

  change({ put, removed }: RunningTaskChange): Promise<void> {
    return this.called(() => {
      for (const task of put) this.shown.set(task.key, task);
      for (const { key } of removed) this.shown.delete(key);
    });
  }
}
