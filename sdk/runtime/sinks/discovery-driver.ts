import { isDeepStrictEqual } from 'node:util';
import type { MasterEvent } from '../../api/messages.js';
import type { OperatorEventsFactory } from '../../framework/operator-events.js';
import { DISCOVERY_SINK, type DiscoverySink, type RunningTask } from '../../points/discovery-sink.js';
import { followEvents } from './follow-events.js';
import { RunningTasks } from './running-tasks.js';
import { Signal } from './signal.js';
import { pause, SinkCaller, type SinkParts } from './sink-caller.js';

/** What comes within so long makes one call. */
const GATHER_MS = 100;
/** What a returned agent has not named after this long is gone. */
const SWEEP_AFTER_MS = 5_000;

/** Tells one sink which tasks run. What waits for a slow one is what differs from what it was told: never more than there is. */
export class DiscoveryDriver {
  private readonly tasks = new RunningTasks();
  /** What the sink was told last; undefined: it is to be told all. */
  private told: Map<string, RunningTask> | undefined;
  /** Counts the snapshots that came. */
  private snapshots = 0;
  /** Agents that are back and have not named all of their tasks. */
  private readonly sweeps = new Map<string, () => void>();
  private readonly touched = new Set<string>();
  private readonly news = new Signal();
  private readonly caller: SinkCaller;

  constructor(
    private readonly sink: DiscoverySink,
    private readonly factory: OperatorEventsFactory,
    private readonly parts: SinkParts,
  ) {
    this.caller = new SinkCaller(DISCOVERY_SINK.id, parts);
    parts.signal.addEventListener('abort', () => {
      this.news.fire();
      for (const forget of this.sweeps.values()) forget();
    });
  }

  /** Until the plugin stops. */
  async run(): Promise<void> {
    const reading = followEvents(DISCOVERY_SINK.id, this.factory, this.parts, (event) => this.take(event));
    await Promise.all([reading, this.write()]);
  }

  private take(event: MasterEvent): boolean {
    this.tasks.take(event);
    if (event.subscribed) {
      this.snapshots++;
      this.told = undefined;
    }
    const back = event.agentAdded?.agent.agentInfo.id?.value;
    if (back !== undefined && this.tasks.awaits(back)) this.sweepLater(back);
    this.changed();
    return true;
  }

  private sweepLater(agentId: string): void {
    if (this.sweeps.has(agentId)) return;
    const sweep = (): void => {
      this.sweeps.delete(agentId);
      this.tasks.sweep(agentId);
      this.changed();
    };
    this.sweeps.set(agentId, this.parts.clock.after(SWEEP_AFTER_MS, sweep));
  }

  private changed(): void {
    for (const key of this.tasks.takeTouched()) this.touched.add(key);
    if (this.touched.size > 0 || this.told === undefined) this.news.fire();
  }

  private async write(): Promise<void> {
    while (!this.parts.signal.aborted) {
      await this.news.wait();
      await pause(this.parts, GATHER_MS);
      if (this.snapshots > 0) await this.caller.deliver((signal) => this.tell(signal));
    }
  }

  /** Whatever a call that fails has left behind, the next one replaces. */
  private async tell(signal: AbortSignal): Promise<void> {
    const { snapshots, told } = this;
    this.told = undefined;
    const now = told === undefined ? await this.tellAll(signal) : await this.tellChanges(told, signal);
    if (snapshots === this.snapshots) this.told = now;
  }

  private async tellAll(signal: AbortSignal): Promise<Map<string, RunningTask>> {
    const all = this.tasks.all();
    this.touched.clear();
    await this.sink.replace(all, signal);
    return new Map(all.map((task) => [task.key, task]));
  }

  private async tellChanges(told: Map<string, RunningTask>, signal: AbortSignal): Promise<Map<string, RunningTask>> {
    const put: RunningTask[] = [];
    const removed: RunningTask[] = [];
    for (const key of this.touched) {
      const [before, now] = [told.get(key), this.tasks.get(key)];
      if (now !== undefined && !isDeepStrictEqual(before, now)) put.push(now);
      if (now === undefined && before !== undefined) removed.push(before);
    }
    this.touched.clear();
    if (put.length > 0 || removed.length > 0) await this.sink.change({ put, removed }, signal);
    for (const task of put) told.set(task.key, task);
    for (const { key } of removed) told.delete(key);
    return told;
  }
}
