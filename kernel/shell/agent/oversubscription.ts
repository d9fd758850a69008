import { loadavg } from 'node:os';
import type { Resource } from '@mezzo/sdk/api';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import type {
  Correction,
  ExecutorUsage,
  QosController,
  ResourceEstimator,
  ResourceUsage,
} from '@mezzo/sdk/points/oversubscription';
import type { Run } from '../../core/agent/state.js';
import { usedBy } from '../../core/agent/views.js';
import { Resources } from '../../core/resources/index.js';
import type { Clock } from '../../ports/clock.js';
import type { AgentHost } from './agent-host.js';
import { within } from './within.js';

const STATISTICS_TIMEOUT_MS = 2000;
const MIN_CORRECTION_MS = 1000;

/** What there is by these names without any plugin: as in Mesos. */
export const FIXED_ESTIMATOR = 'org_apache_mesos_FixedResourceEstimator';
export const LOAD_CONTROLLER = 'org_apache_mesos_LoadQoSController';

const isRevocable = ({ revocable }: Resource): boolean => revocable !== undefined;
const asRevocable = (resources: readonly Resource[]): Resource[] => resources.map((one) => ({ ...one, revocable: {} }));
const sumOf = (lists: readonly (readonly Resource[])[]): Resources => Resources.of(lists.flat()).unallocate();

/** So much and no more, whatever is in use. */
export class FixedEstimator implements ResourceEstimator {
  readonly name = FIXED_ESTIMATOR;
  readonly #all: Resources;

  constructor(resources: readonly Resource[]) {
    this.#all = Resources.of(asRevocable(resources));
  }

  oversubscribable({ executors }: ResourceUsage): readonly Resource[] {
    const used = sumOf(executors.map(({ allocated }) => allocated.filter(isRevocable)));
    return this.#all.subtract(used).toMessages('post');
  }
}

/** Ends all who use revocable resources while the machine's load is above a bound, of 5 or of 15 minutes. */
export class LoadQosController implements QosController {
  readonly name = LOAD_CONTROLLER;

  constructor(
    private readonly bounds: { readonly load5?: number | undefined; readonly load15?: number | undefined },
    private readonly load: () => readonly number[] = loadavg,
  ) {}

  corrections({ executors }: ResourceUsage): readonly Correction[] {
    const [, load5 = 0, load15 = 0] = this.load();
    const { load5: max5 = Infinity, load15: max15 = Infinity } = this.bounds;
    if (load5 <= max5 && load15 <= max15) return [];
    return executors.filter(({ allocated }) => allocated.some(isRevocable));
  }
}

export interface OversubscriptionOptions {
  readonly host: Pick<AgentHost, 'state' | 'dispatch' | 'containerizer'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly estimateMs: number;
  readonly correctMs: number;
}

/** Asks estimator and controller again and again, and tells the agent's machine what they say. */
export class Oversubscription {
  readonly #cancels = new Set<() => void>();
  #isStopped = false;

  constructor(private readonly options: OversubscriptionOptions) {}

  estimate(estimator: ResourceEstimator): void {
    const { estimateMs, host } = this.options;
    this.#poll(estimator.name, estimateMs, async () => {
      const spare = asRevocable(await estimator.oversubscribable(await this.#usage()));
      // Throws when they are none: it is the estimator that fails then, and not the agent.
      Resources.of(spare);
      host.dispatch({ type: 'estimated', spare });
    });
  }

  control(controller: QosController): void {
    const { correctMs, host } = this.options;
    this.#poll(controller.name, Math.max(MIN_CORRECTION_MS, correctMs), async () => {
      const corrections = await controller.corrections(await this.#usage());
      if (corrections.length > 0) host.dispatch({ type: 'corrected', corrections });
    });
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#cancels) cancel();
  }

  /** The first time at once: a cluster that starts should not wait for what it can offer. */
  #poll(name: string, everyMs: number, ask: () => Promise<void>): void {
    const { clock, log } = this.options;
    const next = (afterMs: number): void => {
      const cancel = clock.after(afterMs, () => {
        this.#cancels.delete(cancel);
        void within(
          everyMs,
          ask().then(() => true),
        )
          .then((isDone) => isDone ?? log.warn(`${name} does not answer`, { afterMs: everyMs }))
          .catch((error: unknown) => log.warn(`${name} fails`, { reason: messageOf(error) }))
          .then(() => this.#isStopped || next(everyMs));
      });
      this.#cancels.add(cancel);
    };
    next(MIN_CORRECTION_MS);
  }

  async #usage(): Promise<ResourceUsage> {
    const { state } = this.options.host;
    const runs = [...state.runs.values()].filter(({ phase }) => phase !== 'ended');
    return { total: state.resources, executors: await Promise.all(runs.map((run) => this.#usageOf(run))) };
  }

  async #usageOf(run: Run): Promise<ExecutorUsage> {
    const { frameworkId, executorId, containerId, containerizer, phase } = run;
    const found =
      phase === 'running' ? this.options.host.containerizer(containerizer)?.statistics(containerId) : undefined;
    const statistics = await within(STATISTICS_TIMEOUT_MS, found).catch(() => undefined);
    return { frameworkId, executorId, containerId, allocated: usedBy(run), ...(statistics && { statistics }) };
  }
}
