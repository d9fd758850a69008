import type { TaskStatus } from '../../api/messages.js';
import { interestOf, makeLaunchable } from './interest.js';
import type { Entry, Launch, Outcome } from './state.js';
import type { Turn } from './turn.js';
import type { FullWant } from './want.js';

/** What a wanted task goes through. */

export const retryTimer = ({ want }: Entry): string => `retry:${want.key}`;
export const killTimer = ({ want }: Entry): string => `kill:${want.key}`;
export const lostTimer = ({ want }: Entry): string => `lost:${want.key}`;

/** Launches that never started come back no sooner. */
const DROPPED_DELAY_MS = 1000;

const MAX_MESSAGE_CHARS = 4096;
const MAX_DATA_CHARS = 64 * 1024;

type Ending = Pick<TaskStatus, 'state' | 'reason' | 'message' | 'data' | 'healthy'>;

export function addEntry(turn: Turn, want: FullWant): void {
  const { state } = turn;
  const entry: Entry = { want, serial: state.nextSerial++, attempt: 0, failures: 0 };
  state.entries.set(want.key, entry);
  turn.saveFramework();
  turn.save(entry);
  turn.add({ type: 'stored', serial: entry.serial });
  makeLaunchable(turn, entry);
}

/** Not wanted any more. One whose agent cannot be reached is forgotten at once: should it come back, it is a stranger and is killed. */
export function stopEntry(turn: Turn, entry: Entry): void {
  const { launch } = entry;
  entry.stopping = true;
  if (launch === undefined) return forget(turn, entry, outcomeOf(entry, undefined, { state: 'TASK_KILLED' }));
  if (launch.unreachableSinceMs !== undefined) return endLaunch(turn, entry, { state: 'TASK_LOST' }, true);
  turn.save(entry);
  sendKill(turn, entry);
}

/** Says it (again) to the master, and will repeat it until the task has ended. */
export function sendKill(turn: Turn, entry: Entry): void {
  const { launch } = entry;
  if (launch === undefined || !entry.stopping) return;
  const agentId = { value: launch.agentId };
  turn.call({ type: 'KILL', kill: { taskId: { value: launch.taskId }, agentId } });
  turn.timer(killTimer(entry), turn.state.settings.killRetryMs);
}

/** `started`: it may have run, so that its ending counts. */
export function endLaunch(turn: Turn, entry: Entry, ending: Ending, started: boolean): void {
  const { launch } = entry;
  if (launch === undefined) return;
  detach(turn, entry, launch);
  const outcome = outcomeOf(entry, launch, ending);
  if (entry.stopping) {
    turn.tell(entry, launch, ending);
    return forget(turn, entry, outcome);
  }
  if (mayRetry(entry, ending, started)) retryLater(turn, entry, started);
  else entry.outcome = outcome;
  turn.save(entry);
  turn.tell(entry, launch, ending);
  if (entry.outcome) turn.add({ type: 'ended', serial: entry.serial, outcome });
}

const mayRetry = ({ want: { retry }, failures }: Entry, { state }: Ending, started: boolean): boolean =>
  state !== 'TASK_FINISHED' && (!started || (failures < retry.times && retry.on.includes(state)));

function retryLater(turn: Turn, entry: Entry, started: boolean): void {
  const { backoffMs, maxBackoffMs } = entry.want.retry;
  const delayMs = started ? Math.min(backoffMs * 2 ** entry.failures, maxBackoffMs) : DROPPED_DELAY_MS;
  if (started) entry.failures += 1;
  entry.retryAtMs = turn.atMs + delayMs;
  turn.timer(retryTimer(entry), delayMs);
}

function detach(turn: Turn, entry: Entry, { taskId }: Launch): void {
  entry.launch = undefined;
  turn.state.byTaskId.delete(taskId);
  turn.state.unanswered.delete(taskId);
  turn.clearTimer(killTimer(entry));
  turn.clearTimer(lostTimer(entry));
  // Where tasks of its group may go may have changed; room is offered anyway.
  if (entry.want.placement?.constraints?.length) turn.needsChanged = true;
}

function forget(turn: Turn, entry: Entry, outcome: Outcome): void {
  const { serial, want } = entry;
  turn.state.entries.delete(want.key);
  interestOf(turn.state, entry).launchable.delete(want.key);
  turn.clearTimer(retryTimer(entry));
  turn.drop(entry);
  if (entry.outcome === undefined) turn.add({ type: 'ended', serial, outcome });
  turn.add({ type: 'forgotten', serial });
}

function outcomeOf(entry: Entry, launch: Launch | undefined, { state, reason, message, data }: Ending): Outcome {
  return {
    key: entry.want.key,
    succeeded: state === 'TASK_FINISHED',
    stopped: entry.stopping === true,
    state,
    attempt: entry.attempt,
    ...(launch && { taskId: launch.taskId, agentId: launch.agentId, hostname: launch.facts.hostname }),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message: message.slice(0, MAX_MESSAGE_CHARS) }),
    ...(data !== undefined && data.length <= MAX_DATA_CHARS && { data }),
  };
}
