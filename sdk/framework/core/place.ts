import type { InverseOffer, Offer, TaskInfo } from '../../api/messages.js';
import { toMilli } from '../../contract/values.js';
import { factsOf, type AgentFacts } from './agent-facts.js';
import { satisfies } from './constraints.js';
import { OfferPool, portResources, type Needs, type TakenPort } from './offer-pool.js';
import { askWithin } from './reconcile.js';
import type { Entry, FrameworkState, Launch } from './state.js';
import { buildTask } from './task-info.js';
import type { Turn } from './turn.js';
import type { Amounts } from './want.js';

const MAX_PORT = 65_535;
/** How long the master may take to say a first word of a launch. */
const FIRST_WORD_MS = 30_000;

/**
 * Answers every offer at once: ACCEPT with as many tasks as it holds, DECLINE otherwise. Nothing is held, so a rescinded offer means
 * nothing here: if it was accepted meanwhile, its tasks are dropped and launched again.
 */
export function answerOffers(turn: Turn, offers: readonly Offer[]): void {
  const filters = { refuseSeconds: turn.state.settings.refuseSeconds };
  const declined: Offer[] = [];
  for (const offer of offers) {
    const taskInfos = fill(turn, offer);
    const interest = turn.state.roles.get(offer.allocationInfo?.role ?? '*');
    if (interest) interest.filtered = true;
    if (taskInfos.length === 0) declined.push(offer);
    else
      turn.call({
        type: 'ACCEPT',
        accept: { offerIds: [offer.id], operations: [{ type: 'LAUNCH', launch: { taskInfos } }], filters },
      });
  }
  if (declined.length > 0) turn.call({ type: 'DECLINE', decline: { offerIds: declined.map(({ id }) => id), filters } });
}

function fill(turn: Turn, offer: Offer): TaskInfo[] {
  const { roles, settings } = turn.state;
  const interest = roles.get(offer.allocationInfo?.role ?? '*');
  const launches: TaskInfo[] = [];
  if (interest === undefined || offer.unavailability) return launches;
  const [pool, facts] = [new OfferPool(offer), factsOf(offer)];
  for (const entry of interest.launchable.values()) {
    if (launches.length >= settings.maxTasksPerOffer) break;
    const taken = take(turn.state, entry, pool, facts);
    if (taken === undefined) continue;
    interest.launchable.delete(entry.want.key);
    launches.push(launch(turn, entry, pool, facts, taken));
  }
  return launches;
}

/** Its ports, when all that it wants is there. */
function take(state: FrameworkState, entry: Entry, pool: OfferPool, facts: AgentFacts): TakenPort[] | undefined {
  const { task, placement } = entry.want;
  const needs = needsOf(task.resources);
  const constraints = placement?.constraints ?? [];
  if (pool.leftMilli('cpus') < needs.cpusMilli || pool.leftMilli('mem') < needs.memMilli) return undefined;
  if (pool.leftMilli('disk') < needs.diskMilli || pool.leftMilli('gpus') < needs.gpusMilli) return undefined;
  if (constraints.length > 0) {
    const placed = placedFacts(state, placement?.group);
    if (!constraints.every((constraint) => satisfies(constraint, facts, placed))) return undefined;
  }
  if (!state.settings.accepts(pool.offer, entry.want)) return undefined;
  const wishes = Array<number>(task.resources.ports ?? 0).fill(0);
  return pool.takePorts(wishes, undefined, state.portCursor);
}

const needsOf = ({ cpus, mem, disk = 0, gpus = 0 }: Amounts): Needs => ({
  cpusMilli: toMilli(cpus),
  memMilli: toMilli(mem),
  diskMilli: toMilli(disk),
  gpusMilli: toMilli(gpus),
});

function placedFacts({ byTaskId }: FrameworkState, group: string | undefined): AgentFacts[] {
  const placed: AgentFacts[] = [];
  for (const { want, launch } of byTaskId.values())
    if (launch && want.placement?.group === group) placed.push(launch.facts);
  return placed;
}

function launch(turn: Turn, entry: Entry, pool: OfferPool, facts: AgentFacts, taken: TakenPort[]): TaskInfo {
  const { state } = turn;
  const { want } = entry;
  const ports = taken.map(({ port }) => port);
  const last = ports.at(-1);
  if (last !== undefined) state.portCursor = last >= MAX_PORT ? 0 : last + 1;
  entry.attempt += 1;
  const taskId = `${want.key}.${entry.serial}.${entry.attempt}`;
  const started: Launch = { taskId, agentId: pool.offer.agentId.value, facts, ports };
  entry.launch = started;
  entry.retryAtMs = undefined;
  state.byTaskId.set(taskId, entry);
  state.unanswered.add(taskId);
  askWithin(turn, FIRST_WORD_MS);
  turn.save(entry);
  turn.tell(entry, started, { state: 'TASK_STAGING' });
  return buildTask(want, started, [...pool.takeScalars(needsOf(want.task.resources)), ...portResources(taken)]);
}

/** Tasks are not moved out of the way: a machine is given back when none of them is there. */
export function answerInverseOffers(turn: Turn, offers: readonly InverseOffer[]): void {
  const busy = new Set([...turn.state.byTaskId.values()].map(({ launch }) => launch?.agentId));
  for (const { id, agentId } of offers) {
    const inverseOfferIds = [id];
    if (busy.has(agentId?.value))
      turn.call({ type: 'DECLINE_INVERSE_OFFERS', declineInverseOffers: { inverseOfferIds } });
    else turn.call({ type: 'ACCEPT_INVERSE_OFFERS', acceptInverseOffers: { inverseOfferIds } });
  }
}
