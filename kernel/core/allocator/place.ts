import { Resources, type Entry, type Quantities } from '../resources/index.js';
import type { Grant } from './cycle.js';
import type { Judge } from './judge.js';
import type { AgentSlot, Client, FrameworkState, Ledger } from './ledger.js';

/** What a framework asks for: all of it on one agent. */
export interface Wish {
  readonly role: string;
  /** Scalars by name, whatever they are reserved for; ranges and sets as they are. */
  readonly resources: Resources;
  /** Default: any agent. */
  readonly agentId?: string;
}

/** Looks at agents, for all wishes of a framework together: what is not found by then is not there. */
const MAX_LOOKS = 20_000;

/**
 * Fulfils wishes one after the other, each on the first agent on which the framework may have it, its own refusals and
 * suppression apart. What is free only gets less meanwhile, so that equal wishes never look at an agent twice in vain.
 */
export class Placement {
  readonly #cursors = new Map<string, number>();
  readonly #agents: readonly AgentSlot[];
  #looks = 0;

  constructor(
    private readonly ledger: Ledger,
    private readonly judge: Judge,
    private readonly framework: FrameworkState,
  ) {
    this.#agents = [...ledger.open];
  }

  grant({ role, resources, agentId }: Wish): Grant | undefined {
    const client = clientOf(this.framework, role);
    if (!client) return undefined;
    if (agentId !== undefined) return this.#on(this.ledger.agents.get(agentId), client, resources);
    const key = `${role} ${resources}`;
    for (let i = this.#cursors.get(key) ?? 0; i < this.#agents.length; i++) {
      this.#cursors.set(key, i);
      const grant = this.#on(this.#agents[i], client, resources);
      if (grant) return grant;
    }
    this.#cursors.set(key, this.#agents.length);
    return undefined;
  }

  #on(agent: AgentSlot | undefined, client: Client, wish: Resources): Grant | undefined {
    if (!agent?.isActive || this.#looks++ >= MAX_LOOKS) return undefined;
    this.judge.face(agent, 2);
    const verdict = this.judge.verdict(client, false);
    const resources = typeof verdict === 'string' ? undefined : partOf(verdict, wish);
    if (!resources) return undefined;
    this.ledger.charge(client, agent, resources);
    this.ledger.tree.grant(client.node, resources);
    return grantOf(client, agent, resources);
  }
}

/** What a framework wishes for on one agent that does not have it free: all or part of it has to be cleared first. */
export class Clearing {
  readonly #client: Client | undefined;

  constructor(
    private readonly ledger: Ledger,
    private readonly judge: Judge,
    framework: FrameworkState,
    private readonly agent: AgentSlot,
    private readonly wish: Wish,
  ) {
    this.#client = clientOf(framework, wish.role);
  }

  /** Thousandths by name that have to become free, unreserved, for the wish; undefined when not even that would help. */
  lacks(): Quantities | undefined {
    const free = this.#reach();
    if (free === undefined) return undefined;
    const there = free.quantities();
    const gaps = [...this.wish.resources.quantities()].map(([name, n]) => [name, n - (there.get(name) ?? 0)] as const);
    const lacks = new Map(gaps.filter(([, milli]) => milli > 0));
    return this.#part(free, lacks) && lacks;
  }

  /** Charges the wish as if `freed` were free. Until it is, the agent holds more than it has, and offers that to nobody. */
  claim(freed: Quantities): Grant | undefined {
    const free = this.#reach();
    const resources = free && this.#part(free, freed);
    if (resources === undefined) return undefined;
    this.ledger.chargeUsed(this.#client!, this.agent, resources);
    return grantOf(this.#client!, this.agent, resources);
  }

  #reach(): Resources | undefined {
    if (!this.#client || !this.agent.isActive) return undefined;
    this.judge.face(this.agent, 2);
    return this.judge.reach(this.#client);
  }

  #part(free: Resources, freed: Quantities): Resources | undefined {
    const part = partOf(free.add(scalarsOf(freed)), this.wish.resources);
    const allowed = part && this.ledger.quotas.chop(part, this.#client!.level, 'limits').part;
    return allowed === part ? part : undefined;
  }
}

function clientOf(framework: FrameworkState, role: string): Client | undefined {
  return framework.isActive && framework.roles.has(role) ? framework.clients.get(role) : undefined;
}

const grantOf = ({ framework, role }: Client, { id }: AgentSlot, resources: Resources): Grant => ({
  frameworkId: framework.id,
  role,
  agentId: id,
  resources: resources.allocate(role),
});

const scalarsOf = (quantities: Quantities): Resources =>
  Resources.of([...quantities].map(([name, milli]) => ({ name, type: 'SCALAR', scalar: { value: milli / 1000 } })));

/** What satisfies the wish, of the reserved first; undefined when something is missing. */
function partOf(offerable: Resources, wish: Resources): Resources | undefined {
  const whole = wish.filter(({ type }) => type !== 'SCALAR');
  if (!offerable.contains(whole)) return undefined;
  const missing = wish.quantities();
  const entries = [...offerable.entries].sort(byReservation).flatMap((entry): Entry[] => {
    const { id, amount } = entry;
    const wanted = missing.get(id.name) ?? 0;
    if (id.type !== 'SCALAR' || id.unitMilli !== undefined || wanted === 0) return [];
    const taken = Math.min(amount as number, wanted);
    missing.set(id.name, wanted - taken);
    return [{ id, amount: taken }];
  });
  if ([...missing.values()].some((milli) => milli > 0)) return undefined;
  const scalars = entries.map((entry) => Resources.fromSorted([entry]));
  return scalars.reduce((sum, each) => sum.add(each), whole);
}

const byReservation = ({ id: a }: Entry, { id: b }: Entry): number => b.reservations.length - a.reservations.length;
