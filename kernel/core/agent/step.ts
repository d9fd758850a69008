import { unreachable } from '@mezzo/sdk/contract';
import type { Machine } from '../machine.js';
import {
  executorCalled,
  executorDisconnected,
  executorSubscribed,
  REGISTER_TIMER,
  SHUTDOWN_TIMER,
  subscriptionOverdue,
} from './custom-executors.js';
import { containerCallAbandoned, containerCalled } from './container-calls.js';
import { containerEvent } from './containers.js';
import type { AgentEffect } from './effects.js';
import type { AgentEvent } from './events.js';
import { DISCARD_TIMER, discardLaunch, killVessel } from './kill.js';
import { sandboxFailed, sandboxPrepared } from './launch.js';
import { leave, LEAVE_TIMER, leaveOverdue, leaveWhenIdle } from './leave.js';
import { OPERATION_TIMER, sendOperation } from './operations.js';
import { corrected, estimated } from './oversubscription.js';
import { settlePods } from './pods.js';
import { probeDone, probeDue } from './probes.js';
import { checkpointsLoaded, containersRecovered } from './recovery.js';
import {
  connect,
  masterFound,
  masterLost,
  masterRecordReceived,
  masterSilent,
  PING_TIMER,
  RECONNECT_TIMER,
} from './registration.js';
import { containerEnded, containerLaunched, containerLaunchFailed, taskTooLong } from './running.js';
import type { AgentState, Run, Task } from './state.js';
import type { Turn } from './turn.js';
import { resend } from './updates.js';

export const agentMachine: Machine<AgentState, AgentEvent, AgentEffect> = {
  step(state, event, atMs) {
    const turn: Turn = { state, atMs, effects: [], pods: new Set() };
    handle(turn, event);
    settlePods(turn);
    leaveWhenIdle(turn);
    return turn.effects;
  },
};

/** The writes among the effects: what follows one waits until it is on disk. */
export const isAgentWrite = ({ type }: AgentEffect): boolean =>
  type === 'checkpoint' || type === 'forget' || type === 'createVolume';

function handle(turn: Turn, event: AgentEvent): void {
  const inner = 'containerId' in event ? turn.state.containers.get(event.containerId) : undefined;
  if (inner !== undefined && 'containerId' in event) return containerEvent(turn, inner, event);
  switch (event.type) {
    case 'checkpointsLoaded':
      return checkpointsLoaded(turn, event);
    case 'containersRecovered':
      return containersRecovered(turn, event.containerIds);
    case 'masterRecordReceived':
      return masterRecordReceived(turn, event.connection, event.record);
    case 'masterFound':
      return masterFound(turn);
    case 'masterLost':
      return masterLost(turn, event.connection, event.reason);
    case 'sandboxPrepared':
      return sandboxPrepared(turn, event.containerId);
    case 'sandboxFailed':
      return sandboxFailed(turn, event);
    case 'containerLaunched':
      return containerLaunched(turn, event.containerId, event.launched);
    case 'containerLaunchFailed':
      return containerLaunchFailed(turn, event.containerId, event.message);
    case 'containerEnded':
      return containerEnded(turn, event.containerId, event.exit);
    case 'probeDone':
      return withTask(turn, event.key, (run, task, kind) => {
        if (kind === 'health' || kind === 'check') probeDone(turn, kind, run, task, event.outcome);
      });
    case 'executorSubscribed':
      return executorSubscribed(turn, event.connection, event.call);
    case 'executorCalled':
      return executorCalled(turn, event.call);
    case 'containerCalled':
      return containerCalled(turn, event.request, event.call);
    case 'containerCallAbandoned':
      return containerCallAbandoned(turn, event.request);
    case 'executorDisconnected':
      return executorDisconnected(turn, event.connection);
    case 'estimated':
      return estimated(turn, event.spare);
    case 'corrected':
      return corrected(turn, event.corrections);
    case 'timerFired':
      return timerFired(turn, event.key);
    case 'leaveRequested':
      return leave(turn, 0, 'asked to leave');
    default:
      return unreachable(event);
  }
}

function timerFired(turn: Turn, key: string): void {
  if (key === PING_TIMER) return masterSilent(turn);
  if (key === RECONNECT_TIMER) return turn.state.phase === 'serving' ? connect(turn) : undefined;
  if (key === LEAVE_TIMER) return leaveOverdue(turn);
  if (key.startsWith(DISCARD_TIMER)) return discardLaunch(turn, key.slice(DISCARD_TIMER.length));
  if (key.startsWith(OPERATION_TIMER)) return sendOperation(turn, key.slice(OPERATION_TIMER.length), true);
  const run = turn.state.runs.get(key.slice(key.indexOf('/') + 1));
  if (key.startsWith(REGISTER_TIMER)) return run && subscriptionOverdue(turn, run);
  if (key.startsWith(SHUTDOWN_TIMER)) return run && killVessel(turn, run, 0);
  withTask(turn, key, (run, task, kind) => {
    if (kind === 'update') resend(turn, run, task, true);
    else if (kind === 'completion') taskTooLong(turn, run, task);
    else if (kind === 'health' || kind === 'check') probeDue(turn, kind, run, task);
  });
}

/** Keys of a task's timers and probes are `<kind>/<container>/<task>`. */
function withTask(turn: Turn, key: string, act: (run: Run, task: Task, kind: string) => void): void {
  const [, kind = '', containerId = '', taskId = ''] = /^([a-z]+)\/([^/]+)\/(.*)$/s.exec(key) ?? [];
  const run = turn.state.runs.get(containerId);
  const task = run?.tasks.get(taskId);
  if (run !== undefined && task !== undefined) act(run, task, kind);
}
