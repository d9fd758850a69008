import { addContainer } from './books.js';
import { saveContainer } from './checkpoint.js';
import { containerNeverRan, dropContainer } from './ends.js';
import type { ContainerAsk, ContainerCall } from './container-messages.js';
import { reply } from './container-replies.js';
import { launchNow } from './containers.js';
import { killVessel } from './kill.js';
import { secretFault, secretsOf } from './secrets.js';
import { askedUser } from './spec.js';
import type { AgentState, Container, Run, TaskEnd } from './state.js';
import { emit, nextUuid, type Turn } from './turn.js';

/** Containers that executors and operators ask for: in those of runs, in each other, or standing alone. */

/** As deep as the kernel nests process numbers. */
const MAX_LEVELS = 32;
/** Asked for and not removed. The oldest one that has ended in another makes room. */
const MAX_ASKED = 1000;
const MAX_WAITS = 1000;

type Call<Type extends ContainerCall['type']> = Extract<ContainerCall, { readonly type: Type }>;

export function containerCalled(turn: Turn, request: number, call: ContainerCall): void {
  switch (call.type) {
    case 'launch':
      return launch(turn, request, call);
    case 'wait':
      return wait(turn, request, call);
    case 'kill':
      return kill(turn, request, call);
    case 'remove':
      return remove(turn, request, call);
  }
}

/** Who asked is gone: what it waited for is not answered any more. */
export function containerCallAbandoned({ state }: Turn, request: number): void {
  for (const [containerId, waiting] of state.waits) {
    if (!waiting.delete(request)) continue;
    if (waiting.size === 0) state.waits.delete(containerId);
    return;
  }
}

function launch(turn: Turn, request: number, { path, ask, session }: Call<'launch'>): void {
  const { state } = turn;
  const refuse = (text: string) => reply(turn, request, { status: 400, text });
  if (path.length > MAX_LEVELS)
    return refuse(`Containers nest up to ${MAX_LEVELS} levels, this one would be on level ${path.length}`);
  // As in Mesos, sessions are attached to, and only what executors run can be.
  if (session && state.names.has(path[0] ?? ''))
    return reply(turn, request, { status: 404, text: `Container ${path.join('.')} cannot be found` });
  if (named(state, path) !== undefined) return reply(turn, request, { status: 202 });
  const parent = path.length > 1 ? named(state, path.slice(0, -1)) : undefined;
  const parentName = path.slice(0, -1).join('.');
  if (path.length > 1 && parent === undefined) return refuse(`Parent container ${parentName} does not exist`);
  if (parent !== undefined && parent.phase !== 'running')
    return refuse(`Parent container ${parentName} is not running`);
  const fault =
    askFault(state, ask, session) ?? (makeRoom(turn) ? undefined : `${MAX_ASKED} containers are there: remove some`);
  if (fault !== undefined) return refuse(fault);
  start(turn, request, newContainer(state, path, ask, parent, session));
}

function start(turn: Turn, request: number, container: Container): void {
  const { containerId, ask } = container;
  container.launchRequest = request;
  addContainer(turn.state, container);
  saveContainer(turn, container);
  if (container.session) return launchNow(turn, container);
  emit(turn, {
    type: 'prepareSandbox',
    containerId,
    ...placeOf(container),
    user: askedUser(turn.state, container),
    uris: ask?.command.uris ?? [],
    volumes: [],
    ...secretsOf(ask?.command),
  });
}

function askFault({ config }: AgentState, { command, container }: ContainerAsk, session: boolean): string | undefined {
  if (container !== undefined && container.type !== 'MESOS') return 'The provided ContainerInfo is not supported';
  if (command.value === undefined && container?.mesos?.image === undefined) return 'There is no command to run';
  return secretFault(config, command, session ? 'in sessions' : undefined);
}

function makeRoom(turn: Turn): boolean {
  const asked = [...turn.state.containers.values()].filter(({ ask }) => ask !== undefined);
  if (asked.length < MAX_ASKED) return true;
  const oldest = asked.find(({ phase, parent }) => phase === 'ended' && parent !== undefined);
  if (oldest !== undefined) dropContainer(turn, oldest);
  return oldest !== undefined;
}

function newContainer(
  state: AgentState,
  path: readonly string[],
  ask: ContainerAsk,
  parent: Run | Container | undefined,
  session: boolean,
): Container {
  const run = parent && (isContainer(parent) ? parent.run : parent.containerId);
  return {
    ...{ containerId: nextUuid(state), path, parent: parent?.containerId, run, taskId: undefined, ask, session },
    containerizer: parent?.containerizer ?? 'mesos',
    directory: directoryOf(state, path, parent, session),
    phase: 'preparing',
    ...{ checkpoint: undefined, pid: undefined, killOnLaunchMs: undefined, launchRequest: undefined, exit: undefined },
  };
}

/** A session is in the sandbox of its parent. */
function directoryOf(
  { config }: AgentState,
  path: readonly string[],
  parent: Run | Container | undefined,
  session: boolean,
): string {
  const outer = parent?.directory ?? config.workDir;
  return session ? outer : `${outer}/containers/${path.at(-1) ?? ''}`;
}

function wait(turn: Turn, request: number, { path }: Call<'wait'>): void {
  const { waits } = turn.state;
  const vessel = named(turn.state, path);
  const exit = vessel && isContainer(vessel) ? vessel.exit : undefined;
  if (exit !== undefined) return reply(turn, request, { status: 200, exit });
  // Of a run that has ended, what is left waits for its framework.
  if (vessel === undefined || vessel.phase === 'ended')
    return reply(turn, request, { status: 404, text: `Container ${path.join('.')} cannot be found` });
  const all = [...waits.values()].reduce((sum, { size }) => sum + size, 0);
  if (all >= MAX_WAITS)
    return reply(turn, request, { status: 503, text: `${MAX_WAITS} calls wait for containers already` });
  waits.set(vessel.containerId, (waits.get(vessel.containerId) ?? new Set()).add(request));
}

function kill(turn: Turn, request: number, { path, signal }: Call<'kill'>): void {
  const vessel = named(turn.state, path);
  const asked = vessel !== undefined && isContainer(vessel) && vessel.ask !== undefined ? vessel : undefined;
  if (vessel?.phase === 'running') {
    const { containerizer, containerId } = vessel;
    emit(turn, { type: 'signalContainer', containerizer, containerId, signal });
  } else if (asked?.phase === 'preparing') containerNeverRan(turn, asked, KILLED);
  else if (asked?.phase === 'launching') killVessel(turn, asked, 0);
  else {
    const text = `Container '${path.join('.')}' cannot be found (or is already killed)`;
    return reply(turn, request, { status: 404, text });
  }
  reply(turn, request, { status: 200 });
}

const KILLED: TaskEnd = {
  state: 'TASK_KILLED',
  reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
  message: 'Killed before the container was launched',
};

/** What is not there any more is removed already. */
function remove(turn: Turn, request: number, { path }: Call<'remove'>): void {
  const { state } = turn;
  const vessel = named(state, path);
  if (vessel !== undefined && vessel.phase !== 'ended')
    return reply(turn, request, { status: 500, text: 'Nested container has not terminated yet' });
  if (path.length > 1 && named(state, path.slice(0, 1)) === undefined)
    return reply(turn, request, { status: 500, text: 'Unknown root container' });
  if (vessel === undefined || !isContainer(vessel)) return reply(turn, request, { status: 200 });
  dropContainer(turn, vessel);
  // A Mesos agent ends when it is asked for this of one that stands alone: it is done, and answered as something that is not there.
  const text = `Container ${path.join('.')} has ended; what was left of it is removed`;
  const done = path.length > 1 ? { status: 200 } : { status: 404, text };
  if (vessel.session) return reply(turn, request, done);
  emit(turn, { type: 'removeSandbox', request, ...placeOf(vessel), reply: done });
}

/** What has that name: the container of a run, or one that is in another or stands alone. */
export function named(state: AgentState, path: readonly string[]): Run | Container | undefined {
  const [root = ''] = path;
  const run = path.length === 1 ? state.runs.get(root) : undefined;
  return run ?? state.names.get(path.join('.'));
}

const isContainer = (vessel: Run | Container): vessel is Container => 'path' in vessel;

/** A sandbox `<within>/containers/<name>`. */
const placeOf = ({ directory }: Container): { directory: string; within: string } => ({
  directory,
  within: directory.slice(0, directory.lastIndexOf('/containers/')),
});
