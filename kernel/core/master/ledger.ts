import type { DomainInfo } from '@mezzo/sdk/api';
import { asId, type AgentId, type FrameworkId } from '@mezzo/sdk/contract';
import type { FrameworkSpec, Grant as AllocatorGrant, Refusal, Usage } from '../allocator/index.js';
import { quantitiesOf, type Quantities, type Resources } from '../resources/index.js';
import { offerFilter } from './offer-constraints.js';
import type { Agent, Framework, MasterState } from './state.js';
import { setTimer, type Turn } from './turn.js';

/** Where master and allocator meet: whatever is held is booked there, whatever is freed is told there. */

export interface Grant {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly role: string;
  readonly resources: Resources;
}

export const ALLOCATE_TIMER = 'allocate';

/** What there is to offer now, and a note of when to look again. */
export function allocate(turn: Turn): Grant[] {
  const { allocator } = turn.state;
  const grants = allocator.allocate(turn.atMs);
  const nextMs = allocator.nextExpiryMs();
  if (nextMs !== undefined && nextMs !== turn.state.allocateAtMs) setTimer(turn, ALLOCATE_TIMER, nextMs);
  turn.state.allocateAtMs = nextMs;
  return grants.map(idsOf);
}

export const idsOf = (grant: AllocatorGrant): Grant => ({
  ...grant,
  frameworkId: asId(grant.frameworkId),
  agentId: asId(grant.agentId),
});

export function release(
  turn: Turn,
  frameworkId: FrameworkId,
  agentId: AgentId,
  resources: Resources,
  refusal?: Refusal,
): void {
  if (!resources.isEmpty) turn.state.allocator.recoverResources(frameworkId, agentId, resources, refusal);
}

export const frameworkJoined = ({ state }: Turn, framework: Framework): void =>
  state.allocator.addFramework(framework.id, specOf(state, framework), false);

export const frameworkChanged = ({ state }: Turn, framework: Framework): void =>
  state.allocator.updateFramework(framework.id, specOf(state, framework));

export const frameworkResumed = ({ state }: Turn, { id }: Framework): void => state.allocator.activateFramework(id);

export const frameworkPaused = ({ state }: Turn, { id }: Framework): void => state.allocator.deactivateFramework(id);

export const frameworkLeft = ({ state }: Turn, { id }: Framework): void => state.allocator.removeFramework(id);

function specOf({ agents }: MasterState, framework: Framework): FrameworkSpec {
  const { info, roles, suppressed, capabilities, offerConstraints } = framework;
  const minAllocatable = new Map<string, readonly Quantities[]>();
  for (const [role, { minAllocatableResources }] of Object.entries(info.offerFilters ?? {})) {
    if (minAllocatableResources === undefined) continue;
    const sets = minAllocatableResources.quantities ?? [];
    minAllocatable.set(
      role,
      sets.map(({ quantities }) => quantitiesOf(quantities)),
    );
  }
  const filter = offerConstraints && offerFilter(offerConstraints);
  return {
    info,
    roles,
    suppressedRoles: suppressed,
    capabilities,
    minAllocatable,
    ...(filter && { accepts: (role, agentId) => filter(role, agents.get(asId<AgentId>(agentId))!.info) }),
  };
}

export function suppress({ state }: Turn, framework: Framework, roles: readonly string[]): void {
  for (const role of roles) framework.suppressed.add(role);
  state.allocator.suppress(framework.id, roles);
}

export function revive({ state }: Turn, framework: Framework, roles: readonly string[]): void {
  for (const role of roles) framework.suppressed.delete(role);
  state.allocator.revive(framework.id, roles);
}

export const agentJoined = ({ state }: Turn, agent: Agent): void =>
  state.allocator.addAgent(agent.id, {
    total: agent.total,
    used: usageOf(agent),
    active: agent.connection !== undefined && !agent.deactivated && isListed(state.whitelist, agent),
    isRemote: isRemote(state, agent),
    info: agent.info,
  });

/** In another region than the master. Where nothing is said it is the same. */
const isRemote = ({ options }: MasterState, { info }: Agent): boolean =>
  info.domain !== undefined && regionOf(info.domain) !== regionOf(options.info.domain);

const regionOf = (domain: DomainInfo | undefined): string | undefined => domain?.faultDomain?.region.name;

/** Books anew what the agent has and what is held there. Offers must be off the table. */
export const agentChanged = agentJoined;

/** What is held there stays booked, and offers stay on the table. */
export const totalChanged = ({ state }: Turn, { id, total }: Agent): void => state.allocator.updateAgent(id, { total });

export const agentPaused = ({ state }: Turn, { id }: Agent): void => state.allocator.deactivateAgent(id);

export function agentResumed({ state }: Turn, agent: Agent): void {
  if (isListed(state.whitelist, agent)) state.allocator.activateAgent(agent.id);
}

/** It may be offered, as far as the list of hosts goes. */
export const isListed = (whitelist: MasterState['whitelist'], { info }: Agent): boolean =>
  whitelist?.has(info.hostname) !== false;

export const agentLeft = ({ state }: Turn, { id }: Agent): void => state.allocator.removeAgent(id);

export function usageOf({ tasks, executors }: Agent): Usage[] {
  const holding = [...tasks].filter((task) => task.holds);
  return [...holding, ...executors.values()].map(({ frameworkId, role, resources }) => ({
    frameworkId,
    role,
    resources,
  }));
}
