import type { MasterCall, QuotaConfig } from '@mezzo/sdk/api';
import { quotaStatus, weightInfos } from '../../kernel/core/master/sharing.js';
import type { World } from './world.js';

const ROLES = ['apps', 'jobs'];
const PATIENCE_MS = 5000;

/** Sets weights and quota now and then, asks again until it is answered, and remembers what it was told is done. */
export class OperatorNode {
  private readonly weights = new Map<string, number>();
  private readonly quotas = new Map<string, string>();
  private asking = false;

  constructor(private readonly world: World) {}

  start(): void {
    const { time } = this.world;
    time.after(time.random.between(10_000, 400_000), () => {
      if (!this.world.calm) this.ask(time.random.chance(0.5) ? this.someWeight() : this.someQuota());
      if (!this.world.calm) this.start();
    });
  }

  /** Lifts all quota, so that everybody can be served again. */
  relent(): void {
    if (this.asking) return void this.world.time.after(PATIENCE_MS, () => this.relent());
    this.ask({ type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs: ROLES.map((role) => ({ role })) } });
  }

  /** Whether the master still knows all that it said is done. */
  *audit(): Generator<string> {
    const { state } = this.world.master;
    if (state === undefined || this.asking) return yield 'the operator was never answered';
    const known = new Map(weightInfos(state).map(({ role, weight }) => [role, weight]));
    for (const [role, weight] of this.weights)
      if (known.get(role) !== weight) yield `the weight of ${role} is ${known.get(role)}, and ${weight} was promised`;
    const quotas = new Map((quotaStatus(state).configs ?? []).map((config) => [config.role, boundsOf(config)]));
    for (const [role, quota] of this.quotas)
      if ((quotas.get(role) ?? boundsOf({ role })) !== quota)
        yield `the quota of ${role} is ${quotas.get(role)}, and ${quota} was promised`;
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
    const config: QuotaConfig = { role: random.pick(ROLES), limits: { cpus }, ...guaranteed };
    return { type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs: [config], force: random.chance(0.5) } };
  }

  private ask(call: MasterCall): void {
    if (this.asking) return;
    this.asking = true;
    let isAnswered = false;
    const again = () => {
      if (isAnswered) return;
      this.world.master.operatorCall(structuredClone(call), (status) => {
        isAnswered = true;
        this.asking = false;
        if (status === 200) this.note(call);
      });
      this.world.time.after(PATIENCE_MS, again);
    };
    again();
  }

  private note({ updateWeights, updateQuota }: MasterCall): void {
    for (const { role, weight } of updateWeights?.weightInfos ?? []) this.weights.set(role!, weight);
    for (const config of updateQuota?.quotaConfigs ?? []) this.quotas.set(config.role, boundsOf(config));
  }
}

const boundsOf = ({ guarantees = {}, limits = {} }: QuotaConfig): string => JSON.stringify({ guarantees, limits });
