import { messageOf, type Logger } from '@mezzo/sdk/contract';
import type { ContainerResources, ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { ContainerLimitation, Isolation, Isolator } from '@mezzo/sdk/points/isolator';
import { withDeadline } from '@mezzo/sdk/runtime';
import type { Facts } from '../core/checkpoint.js';
import { together, type IsolatorNote, type Prepared } from '../core/isolation.js';
import { launchFailed } from '../core/spec-check.js';

interface Isolated {
  readonly id: string;
  readonly facts: Facts;
}

/** Asks the isolators, in their order, each for what it answered for. What one of them does wrong is named, and harms the container in question alone. */
export class Isolators {
  private readonly all = new Map<string, Isolator>();

  constructor(
    isolators: readonly Isolator[],
    private readonly timeoutMs: number,
    private readonly log: Logger | undefined,
  ) {
    for (const isolator of isolators)
      if (this.all.has(isolator.name)) log?.error(`two isolators are named ${isolator.name}: the second is left out`);
      else this.all.set(isolator.name, isolator);
  }

  get isEmpty(): boolean {
    return this.all.size === 0;
  }

  /** Rejects with CONTAINER_LAUNCH_FAILED, and has been cleaned up then. */
  async prepare(spec: ContainerSpec): Promise<Prepared> {
    const answers = new Map<string, Isolation>();
    const asked = new Set<string>();
    try {
      for (const isolator of this.all.values()) {
        asked.add(isolator.name);
        const answer = await this.askToPrepare(isolator, spec);
        if (answer === undefined) asked.delete(isolator.name);
        else answers.set(isolator.name, answer);
      }
      return together(answers);
    } catch (error) {
      await this.cleanUp(
        [...asked].map((name) => ({ name })),
        spec.containerId,
      );
      throw error;
    }
  }

  /** Rejects with CONTAINER_LAUNCH_FAILED; who launches cleans up. */
  async isolate(notes: readonly IsolatorNote[], containerId: string, pid: number): Promise<void> {
    for (const isolator of this.of(notes))
      await this.demand(isolator, 'isolate', async () => isolator.isolate?.(containerId, pid));
  }

  /** `onLimit` hears of the first bound that is outgrown, and of others perhaps. */
  watch(notes: readonly IsolatorNote[], containerId: string, onLimit: (limit: ContainerLimitation) => void): void {
    for (const isolator of this.of(notes))
      if (isolator.watch !== undefined)
        Promise.resolve(containerId)
          .then((id) => isolator.watch!(id))
          .then(onLimit)
          .catch((error: unknown) => this.complain(isolator.name, 'watch', containerId, error));
  }

  async update(notes: readonly IsolatorNote[], containerId: string, resources: ContainerResources): Promise<void> {
    for (const isolator of this.of(notes))
      await this.request(isolator, 'update', containerId, async () => isolator.update?.(containerId, resources));
  }

  /** In the reverse order. */
  async cleanUp(notes: readonly IsolatorNote[], containerId: string): Promise<void> {
    for (const isolator of this.of(notes).reverse())
      await this.request(isolator, 'cleanup', containerId, async () => isolator.cleanup(containerId));
  }

  async recover(owner: string, containers: readonly Isolated[]): Promise<void> {
    const notesOf = ({ facts }: Isolated) => facts.isolators ?? [];
    for (const container of containers)
      for (const { name } of notesOf(container))
        if (!this.all.has(name))
          this.log?.error('a container goes on without an isolator that it was launched under', {
            containerId: container.id,
            isolator: name,
          });
    for (const isolator of this.all.values()) {
      const mine = containers.flatMap((container) =>
        notesOf(container)
          .filter(({ name }) => name === isolator.name)
          .map(({ data }) => ({
            containerId: container.id,
            sandbox: container.facts.sandbox,
            pid: container.facts.main.pid,
            ...(data && { data }),
          })),
      );
      await this.request(isolator, 'recover', undefined, async () => isolator.recover(owner, mine));
    }
  }

  private of(notes: readonly IsolatorNote[]): Isolator[] {
    return notes.flatMap(({ name }) => this.all.get(name) ?? []);
  }

  /** One that comes after all, too late, has made something that nobody will ask for. */
  private async askToPrepare(isolator: Isolator, spec: ContainerSpec): Promise<Isolation | undefined> {
    let isLate = false;
    try {
      return await this.demand(isolator, 'prepare', async () => {
        const answer = await isolator.prepare(spec);
        if (isLate) await this.cleanUp([{ name: isolator.name }], spec.containerId);
        return answer;
      });
    } finally {
      isLate = true;
    }
  }

  private async demand<T>(isolator: Isolator, what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await withDeadline(work(), this.timeoutMs, 'it');
    } catch (cause) {
      throw launchFailed(`isolator ${isolator.name} failed to ${what}: ${messageOf(cause)}`, 'plugin', { cause });
    }
  }

  private async request(
    isolator: Isolator,
    what: string,
    containerId: string | undefined,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await withDeadline(work(), this.timeoutMs, 'it');
    } catch (error) {
      this.complain(isolator.name, what, containerId, error);
    }
  }

  private complain(name: string, what: string, containerId: string | undefined, error: unknown): void {
    this.log?.error(`isolator ${name} failed to ${what}: ${messageOf(error)}`, {
      isolator: name,
      ...(containerId !== undefined && { containerId }),
    });
  }
}
