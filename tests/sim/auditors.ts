import { asId, type AgentId } from '@mezzo/sdk/contract';
import { agentBreach } from '../../kernel/core/agent/invariants.js';
import { offeredBy } from '../../kernel/core/agent/views.js';
import type { AgentRecord } from '../../kernel/core/master/effects.js';
import { auditMaster } from '../../kernel/core/master/invariants.js';
import { usageOf } from '../../kernel/core/master/ledger.js';
import type { MasterState } from '../../kernel/core/master/state.js';
import { Resources } from '../../kernel/core/resources/index.js';
import type { AgentNode } from './agent-node.js';
import type { MasterNode } from './master-node.js';
import { FIRST } from './operator-node.js';
import { offersNobodyMayHave } from './offer-auditor.js';
import { firmMilli, Violation, type World } from './world.js';

/** After every step: what each machine that was told something believes holds together. */
export function audit(world: World): void {
  for (const master of world.masters) {
    if (master.touched && master.state)
      fail(world, master.name, [
        ...auditMaster(master.state),
        ...(world.isNewest(master) ? [...world.operator.auditMachines(), ...nobodyElseWrites(world, master)] : []),
        ...onlyWhatIsThere(master.state),
        ...offersNobodyMayHave(master.state, master.whitelist, world.policy),
      ]);
    master.touched = false;
  }
  for (const agent of world.agents) {
    const breach = agent.touched && agent.state ? agentBreach(agent.state) : undefined;
    agent.touched = false;
    if (breach !== undefined) fail(world, agent.name, [breach]);
  }
}

/** What the newest leader read and wrote is all there is. */
function* nobodyElseWrites({ ensemble }: World, { life }: MasterNode): Generator<string> {
  if (life !== undefined && life.known !== ensemble.landed)
    yield `${ensemble.landed} writes are in the registry, and its leader knows of ${life.known}`;
}

/** What may be taken away: more may be in use than there is now, but then none of it is offered. */
function* onlyWhatIsThere({ agents }: MasterState): Generator<string> {
  for (const agent of agents.values()) {
    const offered = spareOf([...agent.offers].map((offer) => offer.resources));
    if (offered.isEmpty) continue;
    const promised = offered.add(spareOf(usageOf(agent).map(({ resources }) => resources)));
    if (!agent.total.contains(promised))
      yield `agent ${agent.id}: ${String(promised)} is promised out of ${String(agent.total)}`;
  }
}

const spareOf = (bags: readonly Resources[]): Resources =>
  Resources.sum(bags.map((bag) => bag.filter((id) => id.revocable).unallocate()));

function fail(world: World, who: string, broken: readonly string[]): void {
  if (broken.length > 0)
    throw new Violation(`${who} at ${world.time.nowMs - 1_700_000_000_000} ms: ${broken.join('; ')}`);
}

/** When the faults are over and time has passed: nothing is lost, nobody waits, all agree. */
export function auditEnd(world: World): void {
  const broken = [
    ...agentsAreBack(world),
    ...viewsAgree(world),
    ...(world.isTight ? theFirstAreServed(world) : everybodyIsServed(world)),
    ...groupsAreWhole(world),
    ...operationsAreSettled(world),
    ...nobodyIsHomeless(world),
    ...theRegistryIsTheLeaders(world),
    ...world.agents.flatMap(({ secrets }) => [...(secrets?.audit() ?? [])]),
    ...world.operator.audit(),
    ...(world.marathonUser?.audit() ?? []),
  ];
  fail(world, 'at the end', broken);
}

function* agentsAreBack(world: World): Generator<string> {
  const connected = [...(world.master.state?.agents.values() ?? [])].filter(
    ({ connection }) => connection !== undefined,
  );
  for (const agent of world.agents) {
    if (!connected.some(({ id }) => id === agent.state?.agentId))
      yield `${agent.name} (${agent.state?.agentId ?? 'no id'}) is not registered; its link is ${agent.state?.link.phase}`;
  }
}

/** Master, agents, containers and frameworks say the same of every task that lives. */
function* viewsAgree(world: World): Generator<string> {
  const running = new Map<string, string>();
  for (const agent of world.agents) {
    for (const run of agent.state?.runs.values() ?? []) {
      for (const [taskId, task] of run.tasks) {
        const containerId = run.kind === 'default' ? (task.containerId ?? '') : run.containerId;
        if (agent.host.containers.get(containerId)?.running) running.set(`${run.frameworkId}/${taskId}`, agent.name);
      }
    }
    for (const [id, container] of agent.host.containers)
      if (container.running && !agent.state?.runs.has(id) && !agent.state?.containers.has(id))
        yield `${agent.name} runs the container ${id}, which it does not know`;
  }
  for (const framework of world.frameworks) {
    for (const { id, state } of framework.live) {
      if (state === 'TASK_RUNNING' && !running.has(`${framework.id}/${id}`))
        yield `${framework.name} believes that ${id} runs, and no agent runs it`;
    }
    for (const key of running.keys()) {
      const [frameworkId, taskId] = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)];
      if (frameworkId !== framework.id) continue;
      const view = framework.tasks.get(taskId);
      if (view === undefined || !['TASK_RUNNING', 'TASK_STAGING', 'TASK_STARTING'].includes(view.state))
        yield `${taskId} runs on ${running.get(key)}, and ${framework.name} believes ${view?.state ?? 'nothing'}`;
    }
  }
}

/** None of a group runs once another one of it came to a bad end. */
function* groupsAreWhole(world: World): Generator<string> {
  for (const { name, tasks } of world.frameworks) {
    const ended = [...tasks.values()].filter(({ group, state }) => group !== undefined && BAD_ENDS.has(state));
    const broken = new Map(ended.map((task) => [task.group, task]));
    for (const { id, group, state } of tasks.values()) {
      const other = state === 'TASK_RUNNING' ? broken.get(group) : undefined;
      if (other) yield `${name} has ${id} running, and ${other.id} of the same group is ${other.state}`;
    }
  }
}

/** What outlives the leader is what it believes: nobody else wrote, and nothing was left out. */
function* theRegistryIsTheLeaders({ ensemble, master: { state } }: World): Generator<string> {
  if (state === undefined) return;
  const { agents, recoveredAgents, unreachableAgents, goneAgents, frameworks } = state;
  const believed = [
    ...[...agents.keys(), ...recoveredAgents.keys()].map((id) => `agent ${id} admitted`),
    ...[...unreachableAgents.keys()].map((id) => `agent ${id} unreachable`),
    ...[...goneAgents.keys()].map((id) => `agent ${id} gone`),
    ...[...frameworks.keys()].map((id) => `framework ${id}`),
  ];
  const written = [...ensemble.data].flatMap(([key, value]) => {
    if (key.startsWith('a/')) return [`agent ${key.slice(2)} ${(value as AgentRecord).fate}`];
    return key.startsWith('f/') ? [`framework ${key.slice(2)}`] : [];
  });
  for (const item of written)
    if (!believed.includes(item)) yield `the registry has ${item}, which its leader does not know`;
  for (const item of believed)
    if (!written.includes(item)) yield `the leader has ${item}, which is not in the registry`;
}

/** What is known of a container goes with what it is in. */
function* nobodyIsHomeless(world: World): Generator<string> {
  for (const { name, state } of world.agents)
    for (const { path, parent } of state?.containers.values() ?? [])
      if (parent !== undefined && !state?.runs.has(parent) && !state?.containers.has(parent))
        yield `${name} still knows container ${path.join('.')}, and not what it was in`;
}

const BAD_ENDS: ReadonlySet<string> = new Set([
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
]);

/** Liveness: wishes here are small enough for all to fit, so every framework has what it wants (short tasks come and go). */
function* everybodyIsServed(world: World): Generator<string> {
  for (const framework of world.frameworks) {
    const { wish, live, name, manners, offersSeen } = framework;
    if (offersSeen === 0) yield `${name} (${manners}) never got an offer`;
    if (wish.lifeMs === 0 && live.filter(({ state }) => state === 'TASK_RUNNING').length < wish.tasks)
      yield `${name} (${manners}) wants ${wish.tasks} tasks and has ${live.map(({ id, state }) => `${id} ${state}`).join(', ') || 'none'}`;
  }
}

/** Where there is not enough for all: who is first and asks has what it wants, unless nobody is left who could give way. */
function* theFirstAreServed(world: World): Generator<string> {
  for (const { wish, live, name, role, asks } of world.frameworks) {
    if (role !== FIRST || !asks || wish.lifeMs > 0 || live.length >= wish.tasks) continue;
    for (const agent of world.agents) {
      const others = [...agent.host.containers.values()].filter(
        ({ running, spec }) => running && spec.parent === undefined && !isOfFirst(world, agent, spec.containerId),
      );
      const yields = others.reduce((sum, { spec }) => sum + firmMilli(spec), 0);
      const room = yields + freeOn(world, agent);
      if (room >= wish.cpus * 1000)
        yield `${name} has ${live.length} of ${wish.tasks} tasks, and ${agent.name} has room of ${room} for it`;
    }
  }
}

function freeOn({ cpus }: World, { host }: AgentNode): number {
  const containers = [...host.containers.values()].filter(({ running, spec }) => running && spec.parent === undefined);
  return containers.reduce((left, { spec }) => left - firmMilli(spec), cpus * 1000);
}

function isOfFirst({ frameworks }: World, { state }: AgentNode, containerId: string): boolean {
  const run = state?.runs.get(containerId);
  return frameworks.some(({ id, role }) => role === FIRST && id === run?.frameworkId);
}

/** Master and agents have the same resources, nobody waits for an operation, and a volume that was said to be there is there. */
function* operationsAreSettled(world: World): Generator<string> {
  for (const agent of world.agents) {
    const known = world.master.state?.agents.get(asId<AgentId>(agent.state?.agentId ?? ''));
    if (known === undefined || agent.state === undefined) continue;
    const total = Resources.of(offeredBy(agent.state));
    if (!known.total.equals(total)) yield `${agent.name} has ${String(total)}, and the master ${String(known.total)}`;
    const left = agent.state.operations.size + known.operations.size;
    if (left > 0) yield `${left} operations of ${agent.name} were never settled`;
  }
  for (const { keeper, name } of world.frameworks) {
    for (const fault of keeper?.audit(world.agents) ?? []) yield `${name} ${fault}`;
  }
}
