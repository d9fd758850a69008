import type { ContainerExit, ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { Timeline } from './timeline.js';

export interface SimContainer {
  readonly spec: ContainerSpec;
  readonly sinceMs: number;
  running: boolean;
  exit: ContainerExit | undefined;
  removed: boolean;
}

/** The machine below an agent: its containers outlive the agent's process, not a reboot. */
export class ContainerHost {
  readonly containers = new Map<string, SimContainer>();
  private readonly watchers = new Map<string, (exit: ContainerExit) => void>();

  constructor(
    private readonly time: Timeline,
    private readonly onLaunch: (spec: ContainerSpec) => void,
    private readonly mayEnd: () => boolean,
  ) {}

  launch(spec: ContainerSpec, launched: () => void, failed: (message: string) => void): void {
    const { random } = this.time;
    this.time.after(random.between(1, 50), () => {
      if (random.chance(0.02)) return failed(`no luck with ${Object.values(spec.command.env).join(', ')}`);
      if (spec.parent !== undefined && !this.containers.get(spec.parent)?.running) return failed('its parent is gone');
      this.onLaunch(spec);
      const container: SimContainer = {
        spec,
        sinceMs: this.time.nowMs,
        running: true,
        exit: undefined,
        removed: false,
      };
      this.containers.set(spec.containerId, container);
      const lifeMs = Number(spec.command.env.SIM_LIFE_MS ?? 0);
      if (lifeMs > 0)
        this.time.after(lifeMs, () => {
          if (this.mayEnd()) this.end(container, { code: random.chance(0.8) ? 0 : 1, message: 'ended by itself' });
        });
      launched();
    });
  }

  /** One watcher per container: the agent's latest life. */
  watch(containerId: string, ended: (exit: ContainerExit) => void): void {
    const container = this.containers.get(containerId);
    this.watchers.set(containerId, ended);
    const exit = container?.exit;
    if (exit) this.time.after(1, () => this.watchers.get(containerId)?.(exit));
  }

  unwatchAll(): void {
    this.watchers.clear();
  }

  kill(containerId: string, graceMs: number): void {
    const container = this.containers.get(containerId);
    if (!container?.running) return;
    this.time.after(this.time.random.between(0, graceMs), () =>
      this.end(container, { signal: 'SIGTERM', message: 'killed' }),
    );
  }

  remove(containerId: string): void {
    const container = this.containers.get(containerId);
    if (container && !container.running) container.removed = true;
  }

  /** What an agent that restarts still finds: everything else of its own is destroyed as an orphan. */
  recover(known: ReadonlySet<string>): string[] {
    for (const [id, container] of this.containers) {
      if (!known.has(id) && container.running) this.end(container, { signal: 'SIGKILL', message: 'orphan' });
    }
    return [...known].filter((id) => this.containers.get(id)?.removed === false);
  }

  reboot(): void {
    for (const container of this.containers.values()) {
      container.running = false;
      container.removed = true;
    }
    this.watchers.clear();
  }

  private end(container: SimContainer, exit: ContainerExit): void {
    if (!container.running) return;
    container.running = false;
    container.exit = exit;
    for (const inner of this.containers.values())
      if (inner.spec.parent === container.spec.containerId) this.end(inner, { signal: 'SIGKILL', message: 'parent' });
    this.watchers.get(container.spec.containerId)?.(exit);
  }
}
