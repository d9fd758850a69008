import type { ContainerResources, ContainerSpec } from '../points/containerizer.js';
import type { ContainerLimitation, Isolation, IsolatedContainer, Isolator } from '../points/isolator.js';

export interface FakeIsolatorOptions {
  /** Default: 'fake'. */
  readonly name?: string;
  /** What `prepare` answers. Default: nothing to add. */
  readonly isolation?: (spec: ContainerSpec) => Isolation | undefined;
  /** Called first in each call: may throw, or never resolve. `containerId` is '' in `recover`. */
  readonly on?: (call: string, containerId: string) => void | Promise<void>;
  /** Ids of the containers that something is kept for; shared by the lives of one agent. */
  readonly kept?: Set<string>;
}

/** Does what the test says, and remembers what it was asked. */
export class FakeIsolator implements Isolator {
  readonly name: string;
  /** In words: 'prepare c1', 'isolate c1 4711'. */
  readonly calls: string[] = [];
  readonly recovered: IsolatedContainer[] = [];
  readonly kept: Set<string>;
  private readonly watches = new Map<string, (limitation: ContainerLimitation) => void>();

  constructor(private readonly options: FakeIsolatorOptions = {}) {
    this.name = options.name ?? 'fake';
    this.kept = options.kept ?? new Set();
  }

  async recover(owner: string, containers: readonly IsolatedContainer[]): Promise<void> {
    await this.called('recover', '', owner);
    this.recovered.push(...containers);
    for (const id of [...this.kept])
      if (!containers.some(({ containerId }) => containerId === id)) this.kept.delete(id);
  }

  async prepare(spec: ContainerSpec): Promise<Isolation | undefined> {
    this.kept.add(spec.containerId);
    await this.called('prepare', spec.containerId);
    const isolation = this.options.isolation === undefined ? {} : this.options.isolation(spec);
    if (isolation === undefined) this.kept.delete(spec.containerId);
    return isolation;
  }

  async isolate(containerId: string, pid: number): Promise<void> {
    await this.called('isolate', containerId, pid);
  }

  async watch(containerId: string): Promise<ContainerLimitation> {
    await this.called('watch', containerId);
    return new Promise((resolve) => this.watches.set(containerId, resolve));
  }

  /** Lets a container be over a bound. */
  limit(containerId: string, limitation: ContainerLimitation): void {
    this.watches.get(containerId)?.(limitation);
  }

  async update(containerId: string, resources: ContainerResources): Promise<void> {
    await this.called('update', containerId, resources.memMib);
  }

  async cleanup(containerId: string): Promise<void> {
    await this.called('cleanup', containerId);
    this.kept.delete(containerId);
    this.watches.delete(containerId);
  }

  private async called(call: string, containerId: string, ...more: readonly unknown[]): Promise<void> {
    this.calls.push([call, containerId, ...more].filter((word) => word !== '').join(' '));
    await this.options.on?.(call, containerId);
  }
}
