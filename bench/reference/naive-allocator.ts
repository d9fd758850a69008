import type { AgentInfo, FrameworkInfo } from '@mezzo/sdk/api';
import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import { Salts, shuffled } from '../../kernel/core/allocator/order.js';
import {
  Resources,
  isWithinRole,
  milliOf,
  topLevelRole,
  type Entry,
  type Quantities,
} from '../../kernel/core/resources/index.js';
import type { AgentSpec, FrameworkSpec, Grant, Quota, Refusal } from '../../kernel/core/allocator/index.js';

interface NaiveAgent {
  readonly id: string;
  readonly slot: number;
  readonly info: AgentInfo | undefined;
  total: Resources;
  isActive: boolean;
  readonly used: Map<string, Resources>;
}

interface NaiveFramework {
  roles: Set<string>;
  suppressed: Set<string>;
  capabilities: ReadonlySet<string>;
  info: FrameworkInfo | undefined;
  isActive: boolean;
  filters: { role: string; agentId: string; refused: Resources; expiresAtMs: number }[];
}

interface NaiveNode {
  readonly key: string;
  readonly path: string;
  readonly children: Map<string, NaiveNode>;
  readonly allocated: Map<string, number>;
  client?: readonly [frameworkId: string, role: string];
}

type Stage = 1 | 2;
const clientKey = (frameworkId: string, role: string) => `${frameworkId} ${role}`;
const isBound = ({ id }: Entry) => id.isQuotaBound;

/**
 * The same rules as the allocator's, the slow way: every run looks at every agent and sorts every framework anew for each.
 * It is the oracle of the allocator's tests and the yardstick of its benchmark.
 */
export class NaiveAllocator {
  readonly #agents = new Map<string, NaiveAgent>();
  readonly #frameworks = new Map<string, NaiveFramework>();
  readonly #quotas = new Map<string, Quota>();
  readonly #weights = new Map<string, number>();
  readonly #stamps = new Map<string, number>();
  readonly #minimum: readonly Quantities[] = [new Map([['cpus', 10]]), new Map([['mem', 32_000]])];
  readonly #order = new Salts(1);
  #stamp = 0;
  #slot = 0;

  /** `isNested`: roles below others have quota too. */
  constructor(
    private readonly isNested = false,
    private readonly policy: Pick<AllocatorPolicy, 'rank' | 'admits'> = {},
  ) {}

  addAgent(id: string, { total, used = [], active = true, info }: AgentSpec): void {
    this.removeAgent(id);
    const agent: NaiveAgent = { id, slot: this.#slot++, info, total, isActive: active, used: new Map() };
    this.#agents.set(id, agent);
    for (const { frameworkId, role, resources } of used) this.#hold(agent, clientKey(frameworkId, role), resources);
  }

  updateAgent(id: string, { total }: Pick<AgentSpec, 'total'>): void {
    const agent = this.#agents.get(id);
    if (!agent) return;
    agent.total = total;
    for (const framework of this.#frameworks.values()) {
      framework.filters = framework.filters.filter(({ agentId }) => agentId !== id);
    }
  }

  removeAgent(id: string): void {
    if (!this.#agents.delete(id)) return;
    for (const framework of this.#frameworks.values()) {
      framework.filters = framework.filters.filter(({ agentId }) => agentId !== id);
    }
    this.#prune();
  }

  activateAgent(id: string): void {
    const agent = this.#agents.get(id);
    if (agent) agent.isActive = true;
  }

  deactivateAgent(id: string): void {
    const agent = this.#agents.get(id);
    if (agent) agent.isActive = false;
  }

  addFramework(id: string, spec: FrameworkSpec): void {
    const filters = this.#frameworks.get(id)?.filters ?? [];
    this.#frameworks.set(id, { ...plainSpec(spec), isActive: true, filters });
    this.updateFramework(id, spec);
  }

  updateFramework(id: string, spec: FrameworkSpec): void {
    const framework = this.#frameworks.get(id);
    if (!framework) return;
    Object.assign(framework, plainSpec(spec));
    framework.filters = framework.filters.filter(({ role }) => framework.roles.has(role));
    this.#prune();
  }

  removeFramework(id: string): void {
    this.#frameworks.delete(id);
    for (const agent of this.#agents.values()) {
      for (const key of agent.used.keys()) if (key.startsWith(`${id} `)) agent.used.delete(key);
    }
    this.#prune();
  }

  activateFramework(id: string): void {
    const framework = this.#frameworks.get(id);
    if (framework) framework.isActive = true;
  }

  deactivateFramework(id: string): void {
    const framework = this.#frameworks.get(id);
    if (framework) Object.assign(framework, { isActive: false, filters: [] });
  }

  suppress(id: string): void {
    const framework = this.#frameworks.get(id);
    if (framework) framework.suppressed = new Set(framework.roles);
  }

  revive(id: string): void {
    const framework = this.#frameworks.get(id);
    if (framework) Object.assign(framework, { suppressed: new Set(), filters: [] });
  }

  recoverResources(frameworkId: string, agentId: string, resources: Resources, refusal?: Refusal): void {
    const agent = this.#agents.get(agentId);
    if (!agent) return;
    for (const [role, part] of resources.allocations()) {
      const key = clientKey(frameworkId, role);
      const rest = agent.used.get(key)!.subtract(part.unallocate());
      if (rest.isEmpty) agent.used.delete(key);
      else agent.used.set(key, rest);
      const framework = this.#frameworks.get(frameworkId);
      const isActive = framework?.isActive && framework.roles.has(role) && !framework.suppressed.has(role);
      if (!refusal || !isActive) continue;
      const expiresAtMs = refusal.atMs + Math.max(100, (refusal.refuseSeconds ?? 5) * 1000);
      framework.filters.push({ role, agentId, refused: part.unallocate(), expiresAtMs });
    }
    this.#prune();
  }

  setWeights(weights: ReadonlyMap<string, number>): void {
    for (const [role, weight] of weights) this.#weights.set(role, weight);
  }

  setQuota(role: string, quota: Quota): void {
    this.#quotas.set(role, quota);
  }

  allocate(atMs: number): Grant[] {
    for (const framework of this.#frameworks.values()) {
      framework.filters = framework.filters.filter(({ expiresAtMs }) => expiresAtMs > atMs);
    }
    const grants: Grant[] = [];
    const salts = [this.#order.next(), this.#order.next()] as const;
    for (const stage of [1, 2] as const) {
      for (const agent of shuffled([...this.#agents.values()], salts[stage - 1]!)) {
        if (agent.isActive) this.#shareOut(agent, stage, grants);
      }
    }
    return grants;
  }

  #shareOut(agent: NaiveAgent, stage: Stage, grants: Grant[]): void {
    const granted: [string, string][] = [];
    const unmet = [...this.#quotas.keys()].filter((role) => this.#need(role).size > 0);
    if (stage === 1 && unmet.length === 0) return;
    for (const [frameworkId, role] of this.#sorted()) {
      if (stage === 1 && !unmet.some((one) => topLevelRole(one) === topLevelRole(role))) continue;
      const framework = this.#frameworks.get(frameworkId)!;
      const resources = this.#chop(this.#offerable(agent, role, framework), role, stage);
      const isEnough = this.#minimum.some((set) => [...set].every(([name, milli]) => resources.scalar(name) >= milli));
      if (!isEnough) continue;
      const isRefused = framework.filters.some(
        (filter) => filter.role === role && filter.agentId === agent.id && filter.refused.contains(resources),
      );
      if (isRefused || this.policy.admits?.(framework.info!, role, agent.info!) === false) continue;
      grants.push({ frameworkId, role, agentId: agent.id, resources: resources.allocate(role) });
      this.#hold(agent, clientKey(frameworkId, role), resources);
      granted.push([frameworkId, role]);
    }
    for (const [frameworkId, role] of granted) {
      this.#stamp++;
      for (const path of pathsOf(frameworkId, role)) this.#stamps.set(path, this.#stamp);
    }
  }

  #hold(agent: NaiveAgent, key: string, resources: Resources): void {
    const part = resources.unallocate();
    agent.used.set(key, (agent.used.get(key) ?? Resources.empty).add(part));
  }

  #available(agent: NaiveAgent): Resources {
    let held = Resources.empty;
    for (const resources of agent.used.values()) held = held.add(resources);
    return agent.total.subtract(held);
  }

  #offerable(agent: NaiveAgent, role: string, { capabilities }: NaiveFramework): Resources {
    if (agent.total.scalar('gpus') > 0 && !capabilities.has('GPU_RESOURCES')) return Resources.empty;
    return this.#available(agent).filter(
      (id) =>
        (id.reservedRole === undefined || isWithinRole(role, id.reservedRole)) &&
        (!id.revocable || capabilities.has('REVOCABLE_RESOURCES')) &&
        (id.reservations.length < 2 || capabilities.has('RESERVATION_REFINEMENT')),
    );
  }

  /** All active clients in order: one pass over everything that is held, then a sort of every level. */
  #sorted(): (readonly [string, string])[] {
    const root: NaiveNode = { key: '', path: '', children: new Map(), allocated: new Map() };
    for (const [id, framework] of this.#frameworks) for (const role of framework.roles) leafOf(root, id, role);
    const total = new Map<string, number>();
    for (const agent of this.#agents.values()) {
      count(total, agent.total.entries);
      for (const [key, resources] of agent.used) {
        const [id, role] = key.split(' ') as [string, string];
        for (const node of leafOf(root, id, role)) count(node.allocated, resources.entries);
      }
    }
    return this.#walk(root, total);
  }

  #walk(node: NaiveNode, total: Map<string, number>): (readonly [string, string])[] {
    if (node.client) {
      const [frameworkId, role] = node.client;
      const framework = this.#frameworks.get(frameworkId);
      const isActive = framework?.isActive && framework.roles.has(role) && !framework.suppressed.has(role);
      return isActive ? [node.client] : [];
    }
    const rank = (child: NaiveNode) => ({
      child,
      share: this.#share(child, total),
      stamp: this.#stamps.get(child.path) ?? 0,
    });
    const ranked = [...node.children.values()].map(rank);
    ranked.sort((a, b) => a.share - b.share || a.stamp - b.stamp || (a.child.key < b.child.key ? -1 : 1));
    return ranked.flatMap(({ child }) => this.#walk(child, total));
  }

  #share({ allocated, path, client }: NaiveNode, total: Map<string, number>): number {
    const shares = [...allocated].map(([name, milli]) => (total.get(name) ? milli / total.get(name)! : 0));
    const [dominantShare, weight] = [Math.max(0, ...shares), this.#weights.get(path) ?? 1];
    const framework = client && this.#frameworks.get(client[0])?.info;
    if (this.policy.rank === undefined || (client && !framework)) return dominantShare / weight;
    return this.policy.rank({
      kind: client ? 'framework' : path.endsWith('/.') ? 'members' : 'role',
      role: path.replace(/\/\.(\/.*)?$/, ''),
      ...(framework && { framework }),
      weight,
      dominantShare,
      shareOf: (name) => (total.get(name) ? (allocated.get(name) ?? 0) / total.get(name)! : 0),
    });
  }

  /** Quotas that bound a role. */
  #bounds(role: string): string[] {
    const bounds = [...this.#quotas.keys()].filter((one) => isWithinRole(role, one));
    return this.isNested ? bounds : bounds.filter((one) => one === topLevelRole(role));
  }

  /** Reserved for a role or those below it, or allocated to them. */
  #consumed(role: string): Map<string, number> {
    const out = new Map<string, number>();
    for (const agent of this.#agents.values()) {
      const reserved = agent.total.entries.filter(({ id }) => id.reservedRole && isWithinRole(id.reservedRole, role));
      count(
        out,
        reserved.filter(({ id }) => !id.revocable),
      );
      for (const [key, { entries }] of agent.used) {
        if (isWithinRole(key.split(' ')[1]!, role)) count(out, entries.filter(isBound));
      }
    }
    return out;
  }

  /** What must be free for a guarantee and those below it to be met. */
  #need(role: string): Map<string, number> {
    const need = this.#below(role);
    for (const [name, milli] of this.#missing(role)) need.set(name, Math.max(milli, need.get(name) ?? 0));
    return new Map([...need].filter(([, milli]) => milli > 0));
  }

  #missing(role: string): Map<string, number> {
    const consumed = this.#consumed(role);
    const { guarantee = new Map<string, number>() } = this.#quotas.get(role)!;
    return new Map(Array.from(guarantee, ([name, milli]) => [name, milli - (consumed.get(name) ?? 0)]));
  }

  /** The needs of the nearest roles with quota below a role, in sum. */
  #below(role: string): Map<string, number> {
    const within = [...this.#quotas.keys()].filter((one) => one !== role && isWithinRole(one, role));
    const nearest = within.filter((one) => !within.some((other) => other !== one && isWithinRole(one, other)));
    const out = new Map<string, number>();
    for (const one of nearest) add(out, this.#need(one), 1);
    return out;
  }

  /** What a role may take by right, of the scalars that are guaranteed to it or above it. */
  #owed(role: string): Map<string, number> {
    const out = new Map<string, number>();
    for (const bound of this.#bounds(role)) {
      const below = this.#below(bound);
      for (const [name, milli] of this.#missing(bound)) {
        if (!this.#quotas.get(bound)!.guarantee!.get(name)) continue;
        out.set(name, (out.get(name) ?? 0) + Math.max(0, milli - (below.get(name) ?? 0)));
      }
    }
    return out;
  }

  #room(role: string, name: string): number {
    const rooms = this.#bounds(role).map((bound) => {
      const { limit } = this.#quotas.get(bound)!;
      return (limit?.get(name) ?? Infinity) - (this.#consumed(bound).get(name) ?? 0);
    });
    return Math.min(Infinity, ...rooms);
  }

  #chop(resources: Resources, role: string, stage: Stage): Resources {
    const hasGuarantees = [...this.#quotas.values()].some((quota) => quota.guarantee?.size);
    if (!hasGuarantees && this.#bounds(role).length === 0) return resources;
    const owed = this.#owed(role);
    const helps = (entry: Entry): boolean => isBound(entry) && (owed.get(entry.id.name) ?? 0) > 0;
    if (stage === 1 && !resources.entries.some(helps)) return Resources.empty;
    const surplus = hasGuarantees ? this.#surplus() : undefined;
    const entries = resources.entries.map((entry) => {
      if (!isBound(entry)) return entry;
      const { name } = entry.id;
      const room = this.#room(role, name);
      const right = stage === 1 ? owed.get(name) : undefined;
      const bound = right ?? (surplus ? (surplus.get(name) ?? 0) : room);
      return { id: entry.id, amount: Math.max(0, Math.min(entry.amount as number, room, bound)) };
    });
    return Resources.fromSorted(entries.filter(({ amount }) => amount !== 0));
  }

  #surplus(): Map<string, number> {
    const out = new Map<string, number>();
    for (const agent of this.#agents.values()) {
      if (agent.isActive) count(out, this.#available(agent).entries.filter(isBound));
    }
    for (const role of this.#quotas.keys()) if (this.#bounds(role).length === 1) add(out, this.#need(role), -1);
    return out;
  }

  /** A framework that left a role and holds nothing in it starts anew when it comes back. */
  #prune(): void {
    const live = new Set<string>();
    const keep = (id: string, role: string) => pathsOf(id, role).forEach((path) => live.add(path));
    for (const [id, { roles }] of this.#frameworks) for (const role of roles) keep(id, role);
    for (const { used } of this.#agents.values()) {
      for (const key of used.keys()) keep(...(key.split(' ') as [string, string]));
    }
    for (const path of this.#stamps.keys()) if (!live.has(path)) this.#stamps.delete(path);
  }
}

const plainSpec = ({ roles, suppressedRoles, capabilities, info }: FrameworkSpec) => ({
  roles: new Set(roles),
  suppressed: new Set(suppressedRoles),
  capabilities: capabilities ?? new Set<string>(),
  info,
});

function add(sums: Map<string, number>, more: Quantities, sign: 1 | -1): void {
  for (const [name, milli] of more) sums.set(name, (sums.get(name) ?? 0) + sign * milli);
}

function count(sums: Map<string, number>, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.id.type === 'SCALAR') sums.set(entry.id.name, (sums.get(entry.id.name) ?? 0) + milliOf(entry));
  }
}

/** Of the nodes from just below the root to the framework's leaf. */
function pathsOf(frameworkId: string, role: string): string[] {
  const parts = role.split('/');
  const roles = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  return [...roles, `${role}/.`, `${role}/./${frameworkId}`];
}

function leafOf(root: NaiveNode, frameworkId: string, role: string): NaiveNode[] {
  let node = root;
  const nodes = pathsOf(frameworkId, role).map((path) => {
    const key = path.slice(node.path === '' ? 0 : node.path.length + 1);
    let child = node.children.get(key);
    if (!child) node.children.set(key, (child = { key, path, children: new Map(), allocated: new Map() }));
    return (node = child);
  });
  node.client = [frameworkId, role];
  return nodes;
}
