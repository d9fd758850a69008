import { isTerminal } from '@mezzo/sdk/contract';
import type { AgentId } from '@mezzo/sdk/contract';
import { usersOf } from './inverse-offers.js';
import { exclusive, firm, Resources } from '../resources/index.js';
import { isListed, usageOf } from './ledger.js';
import { keyOfAgent } from './machines.js';
import type { Agent, Framework, MasterState } from './state.js';

/** What is wrong with a master between two steps; empty = nothing. Costs as much as the cluster is large: for tests. */
export function auditMaster(state: MasterState): string[] {
  const faults: string[] = [];
  const check: Check = (holds, fault) => void (holds || faults.push(typeof fault === 'string' ? fault : fault()));
  for (const agent of state.agents.values()) auditAgent(state, agent, check);
  for (const framework of state.frameworks.values()) auditFramework(state, framework, check);
  auditOffers(state, check);
  auditClaims(state, check);
  auditMaintenance(state, check);
  auditStreams(state, check);
  auditBounds(state, check);
  return faults;
}

/** What takes long to print is printed only if it does not hold. */
type Check = (holds: boolean, fault: string | (() => string)) => void;

/** Nothing is promised twice, and the allocator books exactly what offers, tasks and executors hold. */
function auditAgent(state: MasterState, agent: Agent, check: Check): void {
  const { id, total } = agent;
  const offers = [...agent.offers].map(({ frameworkId, role, resources }) => ({ frameworkId, role, resources }));
  const claim = state.claims.get(id);
  const held = sumByHolder([...usageOf(agent), ...offers, ...(claim ? [claim] : [])]);
  const booked = sumByHolder(state.allocator.allocations(id));
  check(sameBooks(held, booked), () => `agent ${id}: held ${printBooks(held)} but booked ${printBooks(booked)}`);
  const settled = claim ? sumByHolder([...usageOf(agent), ...offers]) : held;
  const all = [...settled.values()].reduce((sum, bag) => sum.add(exclusive(bag.unallocate())), Resources.empty);
  // Of what is revocable more may be in use than the agent says now: those who use it go on, or are ended.
  check(total.contains(firm(all)), () => `agent ${id}: ${String(all)} is promised out of ${String(total)}`);
  const free = state.allocator.available(id) ?? Resources.empty;
  const rest = total.subtract(all.add(claim?.resources.unallocate() ?? Resources.empty));
  check(free.equals(rest), () => `agent ${id}: ${String(free)} is free, and not ${String(rest)} of ${String(total)}`);
  check(claim === undefined || agent.connection !== undefined, `room is made on agent ${id}, which is away`);
  check(!claim || !agent.deactivated, `room is made on agent ${id}, which is out of use`);
  for (const task of agent.tasks) {
    const framework = state.frameworks.get(task.frameworkId);
    check(framework?.tasks.get(task.taskId) === task, `task ${task.taskId} on ${id} is not its framework's`);
  }
  for (const executor of agent.executors.values()) {
    const framework = state.frameworks.get(executor.frameworkId);
    check(
      framework?.executors.has(executor) === true,
      `executor ${executor.executorId} on ${id} is not its framework's`,
    );
  }
  check(agent.connection !== undefined || agent.offers.size === 0, `agent ${id} is away and yet offered`);
  check(!agent.deactivated || agent.offers.size === 0, `agent ${id} is deactivated and yet offered`);
  check(isListed(state.whitelist, agent) || agent.offers.size === 0, `agent ${id} is not listed and yet offered`);
  check(agent.drain?.state !== 'DRAINED' || agent.tasks.size === 0, `agent ${id} is drained and yet has tasks`);
}

type Books = Map<string, Resources>;

function sumByHolder(usages: readonly { frameworkId: string; role: string; resources: Resources }[]): Books {
  const books: Books = new Map();
  for (const { frameworkId, role, resources } of usages) {
    const key = `${frameworkId} as ${role}`;
    const sum = (books.get(key) ?? Resources.empty).add(resources);
    if (!sum.isEmpty) books.set(key, sum);
  }
  return books;
}

const sameBooks = (a: Books, b: Books): boolean =>
  a.size === b.size && [...a].every(([key, bag]) => b.get(key)?.equals(bag) === true);

const printBooks = (books: Books): string =>
  `{ ${[...books].map(([key, bag]) => `${key}: ${String(bag)}`).join(' | ')} }`;

function auditFramework(state: MasterState, framework: Framework, check: Check): void {
  for (const task of framework.tasks.values()) {
    const agent = state.agents.get(task.agentId);
    check(agent?.tasks.has(task) === true, `task ${task.taskId} of ${framework.id} is on no registered agent`);
    check(
      task.holds === !isTerminal(task.message.state),
      `task ${task.taskId} is ${task.message.state}, holds: ${task.holds}`,
    );
    check(!framework.unreachableTasks.has(task.taskId), `task ${task.taskId} is both there and unreachable`);
  }
  const agentIds = new Set<AgentId>(state.agents.keys());
  for (const { agentId, executorId } of framework.executors) {
    check(agentIds.has(agentId), `executor ${executorId} of ${framework.id} is on no registered agent`);
  }
  for (const operation of framework.operations.values()) {
    const listed = state.agents.get(operation.agentId)?.operations.get(operation.uuid) === operation;
    check(listed, `operation ${operation.info.id?.value} of ${framework.id} is not its agent's`);
  }
  check(
    framework.connection !== undefined || framework.offers.size === 0,
    `framework ${framework.id} is away and has offers`,
  );
  check(!state.completedFrameworks.has(framework.id), `framework ${framework.id} is both active and completed`);
}

function auditOffers(state: MasterState, check: Check): void {
  let listed = 0;
  for (const { offers } of state.agents.values()) listed += offers.size;
  check(listed === state.offers.size, `${state.offers.size} offers are out, ${listed} are listed by agents`);
  for (const offer of state.offers.values()) {
    const framework = state.frameworks.get(offer.frameworkId);
    const agent = state.agents.get(offer.agentId);
    check(framework?.offers.has(offer) === true, `offer ${offer.id} is not listed by its framework`);
    check(agent?.offers.has(offer) === true, `offer ${offer.id} is not listed by its agent`);
    check(
      framework?.roles.includes(offer.role) === true,
      `offer ${offer.id} is for role ${offer.role}, which nobody has`,
    );
  }
}

/** Whoever uses an agent that will be away was told so: nobody is left out, and nobody asked who is away. */
function auditMaintenance(state: MasterState, check: Check): void {
  let listed = 0;
  for (const agent of state.agents.values()) {
    const machine = state.machines.get(keyOfAgent(agent));
    const { id, maintenance } = agent;
    check(maintenance?.machine === machine, `agent ${id} is not on the machine that its address says`);
    check(machine?.isDown !== true, `agent ${id} is on a machine that is down`);
    for (const { message } of agent.offers)
      check(message.unavailability === machine?.unavailability, `an offer of ${id} does not say when it will be away`);
    const isInUse = agent.connection !== undefined && !agent.deactivated;
    listed += maintenance?.asked.size ?? 0;
    check(isInUse || !maintenance?.asked.size, `agent ${id} is out of use, and yet its users are asked about it`);
    for (const user of maintenance && isInUse ? usersOf(agent) : []) {
      const framework = state.frameworks.get(user);
      const isTold = maintenance?.asked.has(user) === true || maintenance?.quiet.has(user) === true;
      check(framework?.connection === undefined || isTold, `${user} uses ${id}, and was not asked to leave it`);
    }
  }
  check(
    listed === state.inverseOffers.size,
    `${state.inverseOffers.size} inverse offers are out, ${listed} are listed`,
  );
  for (const { inverseOffers, connection, quietAbout, id } of state.frameworks.values()) {
    check(connection !== undefined || inverseOffers.size + quietAbout.size === 0, `framework ${id} is away and asked`);
    for (const agent of quietAbout)
      check(agent.maintenance?.quiet.has(id) === true, `framework ${id} is quiet about ${agent.id} for nothing`);
  }
}

/** Room is made for those who are there to get it. */
function auditClaims({ claims, frameworks, allocator }: MasterState, check: Check): void {
  for (const { frameworkId, agentId, role } of claims.values()) {
    const framework = frameworks.get(frameworkId);
    check(framework?.connection !== undefined, `room is made for ${frameworkId}, which is away`);
    check(framework?.roles.includes(role) === true, `room is made for ${frameworkId} in ${role}, which it left`);
    check(allocator.isOvercommitted(agentId), `there is room on ${agentId} for ${frameworkId}, and it was not told`);
  }
}

function auditStreams(state: MasterState, check: Check): void {
  for (const [connection, id] of state.schedulers) {
    check(state.frameworks.get(id)?.connection === connection, `stream ${connection} is not that of framework ${id}`);
  }
  for (const [connection, id] of state.sessions) {
    check(state.agents.get(id)?.connection === connection, `session ${connection} is not that of agent ${id}`);
  }
  const connected = [...state.frameworks.values()].filter((framework) => framework.connection !== undefined);
  check(connected.length === state.schedulers.size, 'a connected framework has no stream');
}

function auditBounds(state: MasterState, check: Check): void {
  const { options, completedFrameworks, frameworks } = state;
  check(completedFrameworks.size <= options.maxCompletedFrameworks, 'too many completed frameworks');
  for (const { id, completedTasks, unreachableTasks } of [...frameworks.values(), ...completedFrameworks.values()]) {
    check(completedTasks.size <= options.maxCompletedTasksPerFramework, `too many completed tasks of ${id}`);
    check(unreachableTasks.size <= options.maxUnreachableTasksPerFramework, `too many unreachable tasks of ${id}`);
  }
}
