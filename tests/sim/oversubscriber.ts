import type { Resource } from '@mezzo/sdk/api';
import { isTerminal } from '@mezzo/sdk/contract';
import { revocableOf, revocableUse } from '../../kernel/core/agent/oversubscription.js';
import type { Run } from '../../kernel/core/agent/state.js';
import type { AgentNode } from './agent-node.js';
import type { World } from './world.js';

const EVERY_MS = 15_000;
/** In thousandths of a cpu, one after the other. */
const ESTIMATES = [0, 300, 500, 100] as const;
const CALM_ESTIMATES = [300, 400, 500] as const;
export const MOST_SPARE_MILLI = Math.max(...ESTIMATES, ...CALM_ESTIMATES);
const EACH_MS = 90_000;
const CALM_EACH_MS = 600_000;
const CORRECTION_EVERY = 11;

/** What an agent's estimator and its QoS controller say. Nothing is drawn: all comes from the time. */
export class Oversubscriber {
  /** Framework and task of all that it ever wanted ended. */
  readonly wanted = new Set<string>();
  /** Those of them that nothing else had ended before. */
  readonly ended = new Set<string>();
  private asked = 0;

  constructor(
    private readonly world: World,
    private readonly agent: AgentNode,
  ) {}

  start(): void {
    const { time, calm, still } = this.world;
    time.after(EVERY_MS, () => {
      this.asked++;
      const { state } = this.agent;
      if (state?.phase === 'serving' && !still) {
        this.estimate();
        if (!calm && this.asked % CORRECTION_EVERY === 0) this.correct();
      }
      this.start();
    });
  }

  private estimate(): void {
    const { time, calm } = this.world;
    const [estimates, eachMs] = calm ? [CALM_ESTIMATES, CALM_EACH_MS] : [ESTIMATES, EACH_MS];
    const turn = Math.floor(time.nowMs / eachMs) + this.agent.index;
    const total = estimates[turn % estimates.length]!;
    const left = Math.max(0, total - revocableUse(this.agent.state!).scalar('cpus'));
    const spare: Resource[] =
      left > 0 ? [{ name: 'cpus', type: 'SCALAR', scalar: { value: left / 1000 }, revocable: {} }] : [];
    this.agent.dispatch({ type: 'estimated', spare });
  }

  /** All of them: those that use nothing revocable are to be left alone. */
  private correct(): void {
    for (const run of this.agent.state!.runs.values()) if (!revocableOf(run).isEmpty) this.want(run);
    const corrections = [...this.agent.state!.runs.values()].map(({ frameworkId, executorId }) => ({
      frameworkId,
      executorId,
    }));
    this.agent.dispatch({ type: 'corrected', corrections });
  }

  private want(run: Run): void {
    for (const [id, { state, killing }] of run.tasks) {
      if (isTerminal(state)) continue;
      this.wanted.add(`${run.frameworkId}/${id}`);
      if (run.phase === 'running' && run.ended === undefined && !killing) this.ended.add(`${run.frameworkId}/${id}`);
    }
  }
}
