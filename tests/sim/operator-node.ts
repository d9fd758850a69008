import type { MasterCall, QuotaConfig } from '@mezzo/sdk/api';
import { asId, type AgentId } from '@mezzo/sdk/contract';
import { quotaStatus, weightInfos } from '../../kernel/core/master/sharing.js';
import { copied } from './copied.js';
import { Maintainer } from './maintainer.js';
import type { World } from './world.js';

const ROLES = ['apps', 'jobs'];
/** Of worlds where roles are below others. */
const BELOW = ['apps/a', 'apps/b', 'jobs/a', 'jobs/b'];
/** Where there is not enough for all, the others give way to this one. */
export const FIRST = 'apps';
const PRIORITY = 10;
const PATIENCE_MS = 5000;

/** Sets weights and quota and drains agents now and then, asks again until it is answered, and remembers what it was told is done. */
export class OperatorNode {
  private readonly weights = new Map<string, number>();
  private readonly quotas = new Map<string, string>();
  private readonly drained = new Set<string>();
  readonly maintainer: Maintainer;
  private asking = false;
  private isPrioritised = false;

  constructor(private readonly world: World) {
    this.maintainer = new Maintainer(world);
  }

  start(): void {
    const { time } = this.world;
    time.after(time.random.between(10_000, 400_000), () => {
      const wishes = [() => this.someWeight(), () => this.someQuota(), () => this.someDrain()];
      const wish = time.random.pick(this.maintains ? [...wishes, ...this.maintainer.wishes()] : wishes);
      if (this.world.calm) return;
      this.ask(wish());
      this.start();
    });
  }

  /** Not in every world: agents that are down, and offers taken back, make that less happens. */
  private get maintains(): boolean {
    return this.world.seed % 6 === 3;
  }

  /** Takes agents off the whitelist and puts them on it again. */
  list(): void {
    const { time, masters, agents } = this.world;
    const write = (hosts: readonly string[] | undefined) => {
      for (const master of masters) master.setWhitelist(hosts);
    };
    time.after(time.random.between(10_000, 400_000), () => {
      if (this.world.calm) return write(undefined);
      const hosts = agents.map(({ config }) => config.hostname);
      write(time.random.chance(0.2) ? undefined : hosts.filter(() => time.random.chance(0.5)));
      this.list();
    });
  }

  private get roles(): readonly string[] {
    return this.world.isNested ? [...ROLES, ...BELOW] : ROLES;
  }

  /** Lifts all quota and takes all agents and machines into use, so that everybody can be served again. */
  relent(): void {
    const agentId = [...this.drained][0];
    const isMore = this.maintainer.isAtWork || agentId !== undefined;
    if (this.asking || isMore) this.world.time.after(PATIENCE_MS, () => this.relent());
    if (this.maintainer.isAtWork) this.ask(this.maintainer.relent());
    else if (agentId === undefined)
      this.ask({ type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs: this.roles.map((role) => ({ role })) } });
    else this.ask({ type: 'REACTIVATE_AGENT', reactivateAgent: { agentId: { value: agentId } } });
  }

  /** Once and for all. */
  prioritise(): void {
    const { master, time } = this.world;
    if (this.isPrioritised) return;
    master.setPriorities(new Map([[FIRST, PRIORITY]]), (status) => (this.isPrioritised ||= status === 200));
    time.after(PATIENCE_MS, () => this.prioritise());
  }

  /** Whether the master still knows what it said of machines, after any step. */
  auditMachines(): string[] {
    return this.asking ? [] : this.maintainer.audit();
  }

  /** Whether the master still knows all that it said is done. */
  *audit(): Generator<string> {
    const { state } = this.world.master;
    if (state === undefined || this.asking) return yield 'the operator was never answered';
    for (const id of this.drained) yield `the agent ${id} was never drained`;
    yield* this.maintainer.audit();
    if (this.isPrioritised && state.priorities.get(FIRST) !== PRIORITY) yield `the priority of ${FIRST} is forgotten`;
    const known = new Map(weightInfos(state).map(({ role, weight }) => [role, weight]));
    for (const [role, weight] of this.weights)
      if (known.get(role) !== weight) yield `the weight of ${role} is ${known.get(role)}, and ${weight} was promised`;
    const quotas = new Map((quotaStatus(state).configs ?? []).map((config) => [config.role, boundsOf(config)]));
    for (const [role, quota] of this.quotas)
      if ((quotas.get(role) ?? boundsOf({ role })) !== quota)
        yield `the quota of ${role} is ${quotas.get(role)}, and ${quota} was promised`;
  }

  private isKnown(id: string): boolean {
    const { state } = this.world.master;
    const agentId = asId<AgentId>(id);
    return [state?.agents, state?.recoveredAgents, state?.unreachableAgents].some((agents) => agents?.has(agentId));
  }

  private someWeight(): MasterCall {
    const { random } = this.world.time;
    const weightInfos = [{ role: random.pick(ROLES), weight: random.pick([0.5, 1, 2, 3.5]) }];
    return { type: 'UPDATE_WEIGHTS', updateWeights: { weightInfos } };
  }

  private someQuota(): MasterCall {
    const { random } = this.world.time;
    const cpus = { value: random.pick([0, 0.2, 1, 4]) };
    const guaranteed = random.chance(0.4) && { guarantees: { cpus } };
    const config: QuotaConfig = { role: random.pick(this.roles), limits: { cpus }, ...guaranteed };
    return { type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs: [config], force: random.chance(0.5) } };
  }

  private someDrain(): MasterCall {
    const { time, master, agents } = this.world;
    const known = agents.flatMap(({ state }) => state?.agentId ?? []);
    const ids = master.state === undefined || known.length === 0 ? ['nobody'] : known;
    const maxGracePeriod = time.random.chance(0.5) ? { seconds: 1 } : undefined;
    const markGone = this.maintains && time.random.chance(0.3);
    return { type: 'DRAIN_AGENT', drainAgent: { agentId: { value: time.random.pick(ids) }, maxGracePeriod, markGone } };
  }

  private ask(call: MasterCall): void {
    if (this.asking) return;
    this.asking = true;
    this.maintainer.asks(call);
    let isAnswered = false;
    const again = () => {
      if (isAnswered) return;
      this.world.master.operatorCall(copied(call), (status) => {
        isAnswered = true;
        this.asking = false;
        this.note(call, status);
      });
      this.world.time.after(PATIENCE_MS, again);
    };
    again();
  }

  private note(call: MasterCall, status: number): void {
    const { updateWeights, updateQuota, drainAgent, reactivateAgent, startMaintenance } = call;
    this.maintainer.note(call);
    // An agent that the master does not know any more came back under another id, or not.
    if (reactivateAgent && (status === 200 || !this.isKnown(reactivateAgent.agentId.value)))
      this.drained.delete(reactivateAgent.agentId.value);
    if (status !== 200) return;
    // With a machine that is down its agents are forgotten: they may come back by the same id, drained no more.
    if (startMaintenance) for (const id of this.drained) if (!this.isKnown(id)) this.drained.delete(id);
    if (drainAgent) this.drained.add(drainAgent.agentId.value);
    for (const { role, weight } of updateWeights?.weightInfos ?? []) this.weights.set(role!, weight);
    for (const config of updateQuota?.quotaConfigs ?? []) this.quotas.set(config.role, boundsOf(config));
  }
}

const boundsOf = ({ guarantees = {}, limits = {} }: QuotaConfig): string => JSON.stringify({ guarantees, limits });
