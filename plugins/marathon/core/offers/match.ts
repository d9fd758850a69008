import type { Offer, TaskInfo } from '@mezzo/sdk/api';
import { toMilli } from '@mezzo/sdk/contract';
import { OfferPool, factsOf, portResources, satisfies } from '@mezzo/sdk/framework';
import type { AgentFacts, Needs, TakenPort } from '@mezzo/sdk/framework';
import type { AppDefinition } from '../app.js';
import { portSpecs } from '../app.js';
import { refreshWaiting } from '../demand.js';
import { taskIdOf } from '../ids.js';
import { isCurrent, provision } from '../instances.js';
import type { AppEntry, Instance, TaskRun } from '../state.js';
import type { Turn } from '../turn.js';
import type { Refusal } from './reasons.js';
import { buildTask } from './task-info.js';

/** An offer while instances are placed on it. */
interface Slot {
  readonly offer: Offer;
  readonly pool: OfferPool;
  readonly facts: AgentFacts;
  readonly launches: TaskInfo[];
  /** Apps that it cannot serve (any more). */
  readonly refused: Set<string>;
}

const MAX_REMEMBERED_AGENTS = 100;
const MAX_PORT_CURSOR = 65_535;

/**
 * Places waiting instances on offers and answers every one of them: ACCEPT what is used, DECLINE the rest. Instances of an
 * app go round the offers one by one, so that they spread over agents when they can.
 */
export function matchOffers(turn: Turn, offers: readonly Offer[]): void {
  const slots = offers.map((offer): Slot => {
    return { offer, pool: new OfferPool(offer), facts: factsOf(offer), launches: [], refused: new Set() };
  });
  placeAll(turn, slots, [...turn.state.launchable.keys()], true);
  const grouped = [...turn.state.launchable.keys()].filter((id) => usesGroups(turn.state.apps.get(id)));
  for (const slot of slots) slot.refused.clear();
  placeAll(turn, slots, grouped, false);
  answer(turn, slots);
}

const usesGroups = (entry: AppEntry | undefined): boolean =>
  entry?.definition.constraints.some(([, operator]) => operator === 'GROUP_BY') ?? false;

/** `even`: keeps GROUP_BY apps from filling the group whose offer comes first; what that leaves over is placed without. */
function placeAll(turn: Turn, slots: readonly Slot[], apps: readonly string[], even: boolean): void {
  const { state } = turn;
  for (let placed = true; placed;) {
    placed = false;
    for (const slot of slots)
      for (const id of apps) {
        const entry = state.apps.get(id);
        if (entry === undefined || !state.launchable.has(id) || slot.refused.has(id)) continue;
        if (slot.launches.length >= state.settings.maxInstancesPerOffer) continue;
        if (place(turn, entry, slot, even ? rivalsOf(entry, slots, slot) : undefined)) placed = true;
        else slot.refused.add(id);
      }
  }
}

const rivalsOf = (entry: AppEntry, slots: readonly Slot[], own: Slot): AgentFacts[] | undefined =>
  usesGroups(entry)
    ? slots.filter((slot) => slot !== own && !slot.refused.has(entry.id)).map(({ facts }) => facts)
    : undefined;

function place(turn: Turn, entry: AppEntry, slot: Slot, rivals: AgentFacts[] | undefined): boolean {
  const [instance] = entry.scheduled.values();
  if (instance === undefined) {
    refreshWaiting(turn, entry);
    return false;
  }
  const app = entry.definition;
  const refusal = sift(app, entry, slot, rivals);
  const ports = refusal ? undefined : takeHostPorts(turn, app, slot.pool);
  if (ports === undefined) {
    if (rivals === undefined) noteRefusal(turn, entry, slot, refusal ?? portRefusal(app, slot.pool));
    return false;
  }
  launch(turn, entry, instance, slot, ports);
  return true;
}

export const needsOf = (app: AppDefinition): Needs => ({
  cpusMilli: toMilli(app.cpus),
  memMilli: toMilli(app.mem),
  diskMilli: toMilli(app.disk),
  gpusMilli: toMilli(app.gpus),
});

const SCALARS = [
  ['cpus', 'cpusMilli', 'InsufficientCpus'],
  ['mem', 'memMilli', 'InsufficientMemory'],
  ['disk', 'diskMilli', 'InsufficientDisk'],
  ['gpus', 'gpusMilli', 'InsufficientGpus'],
] as const;

/** Why this offer does not serve, apart from ports; in the order of REASONS. */
function sift(app: AppDefinition, entry: AppEntry, slot: Slot, rivals: AgentFacts[] | undefined): Refusal | undefined {
  const { pool, facts, offer } = slot;
  const roles = app.acceptedResourceRoles;
  if (!pool.hasRole(roles)) return { reason: 'UnfulfilledRole', wanted: roles };
  const placed = placedFacts(app, entry);
  const unmet = app.constraints.find((constraint) => !satisfies(constraint, facts, placed, rivals));
  if (unmet) return { reason: 'UnfulfilledConstraint', wanted: unmet as readonly string[] };
  if (offer.unavailability) return { reason: 'AgentMaintenance' };
  const needs = needsOf(app);
  for (const [name, amount, reason] of SCALARS) {
    const [have, need] = [pool.leftMilli(name, roles), needs[amount]];
    if (have < need) return { reason, have, need };
  }
  return undefined;
}

/** Instances that constraints look at: those of today's configuration that hold or may hold their place. */
function placedFacts(app: AppDefinition, entry: AppEntry): AgentFacts[] {
  if (app.constraints.length === 0) return [];
  const placed: AgentFacts[] = [];
  for (const instance of entry.instances.values())
    if (instance.task && instance.condition !== 'unreachableInactive' && isCurrent(app, instance))
      placed.push(instance.task.facts);
  return placed;
}

/** Host ports in the order of the app's ports, 0 where none is wanted; undefined when they are not to be had. */
function takeHostPorts(
  turn: Turn,
  app: AppDefinition,
  pool: OfferPool,
): { taken: TakenPort[]; hostPorts: number[] } | undefined {
  const specs = portSpecs(app);
  const wishes = specs.flatMap(({ hostPort }) => (hostPort === undefined ? [] : [hostPort]));
  const taken = pool.takePorts(wishes, app.acceptedResourceRoles, turn.state.portCursor);
  if (taken === undefined) return undefined;
  const lastDynamic = taken.filter((_, index) => wishes[index] === 0).at(-1);
  if (lastDynamic) turn.state.portCursor = lastDynamic.port >= MAX_PORT_CURSOR ? 0 : lastDynamic.port + 1;
  let next = 0;
  return { taken, hostPorts: specs.map(({ hostPort }) => (hostPort === undefined ? 0 : (taken[next++]?.port ?? 0))) };
}

function portRefusal(app: AppDefinition, pool: OfferPool): Refusal {
  const specs = portSpecs(app);
  const wanted = specs.flatMap(({ hostPort }) => (hostPort ? [hostPort] : []));
  return { reason: 'InsufficientPorts', have: pool.portsLeft(app.acceptedResourceRoles), need: specs.length, wanted };
}

function launch(
  turn: Turn,
  entry: AppEntry,
  instance: Instance,
  { offer, pool, facts, launches }: Slot,
  { taken, hostPorts }: { taken: TakenPort[]; hostPorts: number[] },
): void {
  const app = entry.definition;
  const task: TaskRun = {
    id: taskIdOf(instance.id, instance.incarnation),
    agentId: offer.agentId.value,
    facts,
    hostPorts,
    role: offer.allocationInfo?.role ?? '*',
    stagedAtMs: turn.atMs,
    ipAddresses: [],
    state: 'TASK_STAGING',
  };
  const resources = [...pool.takeScalars(needsOf(app), app.acceptedResourceRoles), ...portResources(taken)];
  provision(turn, instance, app, task);
  launches.push(buildTask(app, task, resources));
  if (entry.waiting) {
    entry.waiting.processed += 1;
    entry.waiting.lastUsedAtMs = turn.atMs;
    entry.waiting.last.delete(task.agentId);
  }
  turn.touched.add(entry.id);
}

function noteRefusal(turn: Turn, { waiting }: AppEntry, { offer }: Slot, refusal: Refusal): void {
  if (waiting === undefined) return;
  waiting.processed += 1;
  waiting.unused += 1;
  waiting.lastUnusedAtMs = turn.atMs;
  waiting.declined.set(refusal.reason, (waiting.declined.get(refusal.reason) ?? 0) + 1);
  const agentId = offer.agentId.value;
  waiting.last.delete(agentId);
  waiting.last.set(agentId, { ...refusal, offer, atMs: turn.atMs });
  if (waiting.last.size > MAX_REMEMBERED_AGENTS) waiting.last.delete(waiting.last.keys().next().value ?? agentId);
}

function answer(turn: Turn, slots: readonly Slot[]): void {
  const filters = { refuseSeconds: turn.state.settings.declineSeconds };
  const declined = slots.filter(({ launches }) => launches.length === 0).map(({ offer }) => offer.id);
  for (const { offer, launches } of slots) {
    const interest = turn.state.roles.get(offer.allocationInfo?.role ?? '*');
    if (interest) interest.filtered = true;
    if (launches.length > 0)
      turn.call({
        type: 'ACCEPT',
        accept: { offerIds: [offer.id], operations: [{ type: 'LAUNCH', launch: { taskInfos: launches } }], filters },
      });
  }
  if (declined.length > 0) turn.call({ type: 'DECLINE', decline: { offerIds: declined, filters } });
}
