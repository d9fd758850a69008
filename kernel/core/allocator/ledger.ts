import type { AgentInfo, FrameworkInfo } from '@mezzo/sdk/api';
import { assert } from '@mezzo/sdk/contract';
import { Resources, topLevelRole, type Entry } from '../resources/index.js';
import type { Filter } from './filters.js';
import { Quotas, type Level } from './quota.js';
import { ShareTree, topOf, type Node, type RandomOrder } from './tree.js';
import { Names, type Minimum } from './vector.js';

/** A class, so that all have the same shape: runs read little else. */
export class AgentSlot {
  total = Resources.empty;
  available = Resources.empty;
  /** All that is available may go to anybody. */
  isPlain = true;
  /** What it has is news to all. */
  isDirty = false;
  isActive = false;
  isRemote = false;
  hasGpus = false;
  /** More is allocated than there is. */
  isOvercommitted = false;
  /** For a policy. */
  info: AgentInfo | undefined = undefined;
  /** Its place in the list of open agents; -1 = not there. */
  openIndex = -1;
  /** Without allocation roles, which the client tells. */
  readonly allocations = new Map<Client, Resources>();
  /** What clients refused; some of it may have ended. */
  readonly filters = new Map<Client, readonly Filter[]>();
  /** The bits of all clients in `filters`, and maybe of others. */
  refusers = 0;

  constructor(
    readonly id: string,
    /** Order of arrival; never used again. */
    readonly slot: number,
  ) {}
}

/** A framework in one of its roles, or in one that it left but still has resources in. */
export interface Client {
  /** One bit of 32, which it shares with others. */
  readonly bit: number;
  readonly framework: FrameworkState;
  readonly role: string;
  readonly node: Node;
  readonly level: Level;
  /** Number of agents on which it holds anything. */
  holds: number;
  /** Number of refusals that last. */
  refusals: number;
  /** Grows when it takes them back. */
  epoch: number;
}

export const KNOWS = { SHARED_RESOURCES: 1, REVOCABLE_RESOURCES: 2, RESERVATION_REFINEMENT: 4 } as const;

export class FrameworkState {
  /** Added, and not only known from what it holds. */
  isKnown = false;
  isActive = false;
  roles: ReadonlySet<string> = new Set();
  suppressed = new Set<string>();
  capabilities: ReadonlySet<string> = new Set();
  /** Of `capabilities`, the bits of those that decide which kinds of resources it may have. */
  knows = 0;
  minAllocatable: ReadonlyMap<string, readonly Minimum[]> = new Map();
  accepts: ((role: string, agentId: string) => boolean) | undefined = undefined;
  /** For a policy. */
  info: FrameworkInfo | undefined = undefined;
  readonly clients = new Map<string, Client>();

  constructor(readonly id: string) {}
}

/** Who holds what where: agents, frameworks, shares and quota kept in step. Decides nothing. */
export class Ledger {
  readonly names = new Names();
  readonly tree: ShareTree;
  readonly quotas: Quotas;
  readonly agents = new Map<string, AgentSlot>();
  readonly frameworks = new Map<string, FrameworkState>();
  /** Active agents with anything available, in no order. */
  readonly open: AgentSlot[] = [];
  #nextSlot = 0;
  #nextClient = 0;

  constructor(
    minAllocatable: readonly Minimum[],
    excluded: ReadonlySet<string>,
    nestedQuota: boolean,
    random?: RandomOrder,
  ) {
    this.tree = new ShareTree(this.names, excluded, random);
    this.quotas = new Quotas(this.names, minAllocatable, nestedQuota);
  }

  addAgent(id: string): AgentSlot {
    const agent = new AgentSlot(id, this.#nextSlot++);
    this.agents.set(id, agent);
    return agent;
  }

  removeAgent(agent: AgentSlot): void {
    this.setActive(agent, false);
    for (const [client, held] of agent.allocations) this.release(client, agent, held);
    this.setTotal(agent, Resources.empty);
    this.agents.delete(agent.id);
  }

  setActive(agent: AgentSlot, isActive: boolean): void {
    const { available } = agent;
    this.#setAvailable(agent, Resources.empty);
    agent.isActive = isActive;
    this.#setAvailable(agent, available);
  }

  setTotal(agent: AgentSlot, total: Resources): void {
    this.tree.changeTotal(agent.total, total);
    this.quotas.reserve(agent.total, -1);
    agent.total = total;
    agent.hasGpus = total.scalar('gpus') > 0;
    this.quotas.reserve(total, 1);
    this.#recompute(agent);
  }

  /** Unknown frameworks get an inactive record, so that what they hold is accounted before they come. */
  framework(id: string): FrameworkState {
    let framework = this.frameworks.get(id);
    if (!framework) {
      framework = new FrameworkState(id);
      this.frameworks.set(id, framework);
    }
    return framework;
  }

  client(framework: FrameworkState, role: string): Client {
    let client = framework.clients.get(role);
    if (!client) {
      const level = this.quotas.level(role);
      level.members++;
      const node = this.tree.add(role, framework.id);
      client = { bit: 1 << (this.#nextClient++ % 32), framework, role, node, level, holds: 0, refusals: 0, epoch: 0 };
      node.client = client;
      topOf(node).level = this.quotas.level(topLevelRole(role));
      framework.clients.set(role, client);
    }
    return client;
  }

  *clients(): Iterable<Client> {
    for (const { clients } of this.frameworks.values()) yield* clients.values();
  }

  /** Takes a client away that neither wants nor holds anything. */
  prune(client: Client): void {
    const { framework, role, node, level } = client;
    if (framework.roles.has(role) || client.holds > 0 || framework.clients.get(role) !== client) return;
    framework.clients.delete(role);
    this.tree.remove(node);
    level.members--;
    this.quotas.prune(level);
    if (framework.clients.size === 0 && !framework.isKnown) this.frameworks.delete(framework.id);
  }

  /** Everything but the order of shares, which stays as it is while an agent is shared out: see ShareTree.grant. */
  charge(client: Client, agent: AgentSlot, resources: Resources): void {
    const held = agent.allocations.get(client);
    agent.allocations.set(client, held ? held.add(resources) : resources);
    if (!held) client.holds++;
    this.quotas.consume(client.level, resources, 1);
    this.#setAvailable(agent, agent.available.subtract(withoutShared(resources)));
  }

  release(client: Client, agent: AgentSlot, resources: Resources): void {
    const held = agent.allocations.get(client);
    if (!held?.contains(resources)) return notHeld(client, agent, resources);
    const rest = held.subtract(resources);
    if (!rest.isEmpty) agent.allocations.set(client, rest);
    else {
      agent.allocations.delete(client);
      client.holds--;
    }
    this.tree.release(client.node, resources);
    this.quotas.consume(client.level, resources, -1);
    if (agent.isOvercommitted) this.#recompute(agent);
    else this.#setAvailable(agent, agent.available.add(withoutShared(resources)));
    this.prune(client);
  }

  /** What is held on an agent beside what it has: `used` of an agent that comes, or tasks that it brings. */
  chargeUsed(client: Client, agent: AgentSlot, resources: Resources): void {
    this.charge(client, agent, resources);
    this.tree.hold(client.node, resources);
    this.#recompute(agent);
  }

  /** What a client holds on an agent turns from `before` into `after`, and so does the agent's total. */
  convert(client: Client, agent: AgentSlot, before: Resources, after: Resources): void {
    const held = agent.allocations.get(client);
    if (!held?.contains(before)) return notHeld(client, agent, before);
    agent.allocations.set(client, held.subtract(before).add(after));
    this.tree.hold(client.node, after);
    this.tree.release(client.node, before);
    this.quotas.consume(client.level, after, 1);
    this.quotas.consume(client.level, before, -1);
    this.setTotal(agent, agent.total.subtract(before).add(after));
  }

  #recompute(agent: AgentSlot): void {
    let held = Resources.empty;
    for (const resources of agent.allocations.values()) held = held.add(withoutShared(resources));
    agent.isOvercommitted = !agent.total.contains(held);
    this.#setAvailable(agent, agent.total.subtract(held));
  }

  #setOpen(agent: AgentSlot, isOpen: boolean): void {
    const { open } = this;
    if (isOpen === agent.openIndex >= 0) return;
    if (isOpen) agent.openIndex = open.push(agent) - 1;
    else {
      const last = open.pop()!;
      if (last !== agent) open[(last.openIndex = agent.openIndex)] = last;
      agent.openIndex = -1;
    }
  }

  #setAvailable(agent: AgentSlot, available: Resources): void {
    if (agent.isActive) this.quotas.changeFree(agent.available, -1);
    agent.available = available;
    agent.isPlain = available.isEmpty || available.entries.every(isPlain);
    if (agent.isActive) this.quotas.changeFree(available, 1);
    this.#setOpen(agent, agent.isActive && !available.isEmpty);
  }
}

/** Whoever gives back what was never given has lost count: a bug. Apart, since the words cost more than the check. */
function notHeld({ framework, role }: Client, agent: AgentSlot, resources: Resources): never {
  const held = Array.from(agent.allocations, ([client, all]) => `${client.framework.id} in ${client.role}: ${all}`);
  assert(false, `${framework.id} in ${role} does not hold ${resources} on ${agent.id} (${held.join(', ')})`);
}

/** Shared volumes can be held many times and stay available. */
const withoutShared = (resources: Resources): Resources =>
  resources.entries.some(isShared) ? resources.filter((id) => !id.shared) : resources;
const isPlain = ({ id }: Entry): boolean => id.isPlain;
const isShared = ({ id }: Entry): boolean => id.shared;
