import type { DownMessage, DownRecord } from '../protocol.js';
import { saveAgent } from './checkpoint.js';
import { messageExecutor, shutdownExecutor } from './custom-executors.js';
import { drain, drainLifted } from './drain.js';
import { shutdownFramework, updateFramework } from './frameworks.js';
import { killTask } from './kill.js';
import { runTaskGroup } from './groups.js';
import { runTask } from './launch.js';
import { leave } from './leave.js';
import { acknowledgeOperation, applyOperation, sendOperation } from './operations.js';
import { tellOversubscribed } from './oversubscription.js';
import type { AgentState } from './state.js';
import { count, emit, type Turn } from './turn.js';
import { acknowledge, resend } from './updates.js';
import { returnOf, subscribeOf } from './views.js';

export const PING_TIMER = 'ping';
export const RECONNECT_TIMER = 'reconnect';
const BACKOFF_MAX_MS = 60_000;

/** Registers, or registers again. What the old connection still says is ignored. */
export function connect(turn: Turn): void {
  const { state } = turn;
  const { link } = state;
  const subscribe = link.isKnown ? returnOf(state) : subscribeOf(state);
  // If this does not do, whatever the reason, everything is told.
  link.isKnown = false;
  link.connection += 1;
  link.phase = 'connecting';
  link.downSeq = 0;
  link.session = undefined;
  link.oversubscribed = state.oversubscribed;
  emit(turn, { type: 'connectMaster', connection: link.connection, subscribe });
  awaitPing(turn);
}

export function masterLost(turn: Turn, connection: number, reason: string): void {
  const { link, phase } = turn.state;
  if (connection !== link.connection || link.phase === 'idle') return;
  link.phase = 'idle';
  emit(turn, { type: 'cancelTimer', key: PING_TIMER });
  if (phase !== 'serving') return;
  emit(turn, { type: 'log', level: 'warn', message: 'not connected to the master', fields: { reason } });
  tryAgain(turn);
}

function tryAgain(turn: Turn): void {
  const { link, config } = turn.state;
  const delayMs = Math.min(config.registrationBackoffMs * 2 ** Math.min(link.attempt, 16), BACKOFF_MAX_MS);
  link.attempt += 1;
  emit(turn, { type: 'setTimer', key: RECONNECT_TIMER, delayMs, jitter: true });
}

/** The old one need not be heard any more, nor the end of a long wait; but not all agents come in the same moment. */
export function masterFound(turn: Turn): void {
  const { link, phase } = turn.state;
  link.attempt = 0;
  if (link.phase !== 'idle') {
    emit(turn, { type: 'disconnectMaster', connection: link.connection });
    masterLost(turn, link.connection, 'another master leads');
  } else if (phase === 'serving') tryAgain(turn);
}

export function masterSilent(turn: Turn): void {
  const { connection, pingTimeoutMs } = turn.state.link;
  emit(turn, { type: 'disconnectMaster', connection });
  masterLost(turn, connection, `heard nothing from the master for ${pingTimeoutMs} ms`);
}

/** A record twice is taken once; a missing one means that a word of the master is lost: register anew. */
export function masterRecordReceived(turn: Turn, connection: number, record: DownRecord): void {
  const { link } = turn.state;
  if (connection !== link.connection || link.phase === 'idle' || record.seq <= link.downSeq) return;
  const isAnswer = record.type === 'registered' || record.type === 'tellAll';
  const inPlace = record.type === 'refused' || isAnswer === (link.phase === 'connecting');
  if (record.seq !== link.downSeq + 1 || !inPlace) {
    emit(turn, { type: 'disconnectMaster', connection });
    return masterLost(turn, connection, `record ${record.seq} (${record.type}) after ${link.downSeq}`);
  }
  link.downSeq = record.seq;
  awaitPing(turn);
  obey(turn, record);
}

function obey(turn: Turn, message: DownMessage): void {
  const serving = turn.state.phase === 'serving';
  switch (message.type) {
    case 'registered':
      return registered(turn, message);
    case 'refused':
      emit(turn, { type: 'log', level: 'error', message: 'the master refuses this agent', fields: { ...message } });
      return leave(turn, 1, `the master refuses this agent: ${message.reason}`);
    case 'tellAll':
      return connect(turn);
    case 'ping':
      return emit(turn, { type: 'sendMaster', call: { type: 'pong' } });
    case 'runTask':
      return serving ? runTask(turn, message.framework, message.task, message.executor) : undefined;
    case 'runTaskGroup':
      return serving ? runTaskGroup(turn, message.framework, message.executor, message.tasks) : undefined;
    case 'killTask':
      return killTask(turn, message.frameworkId, message.taskId, message.killPolicy, message.preemptedFor);
    case 'applyOperation':
      return serving ? applyOperation(turn, message) : undefined;
    case 'acknowledgeOperation':
      return acknowledgeOperation(turn, message.uuid);
    case 'drain':
      return drain(turn, { config: message.config, sinceMs: message.sinceMs });
    case 'reactivated':
      return drainLifted(turn);
    case 'acknowledge':
      return acknowledge(turn, message.frameworkId, message.taskId, message.uuid);
    case 'message':
      return messageExecutor(turn, message.frameworkId, message.executorId, message.data);
    case 'shutdownExecutor':
      return shutdownExecutor(turn, message.frameworkId, message.executorId);
    case 'shutdownFramework':
      return shutdownFramework(turn, message.frameworkId);
    case 'updateFramework':
      return updateFramework(turn, message.framework);
  }
}

type Registered = Extract<DownMessage, { type: 'registered' }>;

/** A master that was cut off, and has not heard yet that another one leads, must not get its agents back. */
function isDeposed({ reign }: AgentState, { registry, epoch }: Registered): boolean {
  return reign !== undefined && reign.registry === registry && epoch < reign.epoch;
}

function leaveDeposed(turn: Turn, { masterId, epoch }: Registered): void {
  const { connection } = turn.state.link;
  emit(turn, { type: 'disconnectMaster', connection });
  const reason = `master ${masterId} leads no more: its epoch is ${epoch}, and ${turn.state.reign?.epoch} was seen`;
  masterLost(turn, connection, reason);
}

function registered(turn: Turn, message: Registered): void {
  const { state } = turn;
  if (isDeposed(state, message)) return leaveDeposed(turn, message);
  Object.assign(state.link, {
    phase: 'registered',
    isKnown: true,
    attempt: 0,
    session: message.session,
    masterId: message.masterId,
    pingTimeoutMs: message.pingTimeoutMs,
  });
  awaitPing(turn);
  count(state, 'registrations');
  const { registry, epoch } = message;
  const isNewReign = registry !== undefined && (state.reign?.registry !== registry || state.reign.epoch !== epoch);
  if (state.agentId !== message.agentId || isNewReign) {
    state.agentId = message.agentId;
    if (isNewReign) state.reign = { registry, epoch };
    saveAgent(turn, state);
  }
  if (message.drain === undefined) drainLifted(turn);
  else drain(turn, message.drain);
  const { agentId, masterId } = message;
  emit(turn, { type: 'log', level: 'info', message: 'registered with the master', fields: { agentId, masterId } });
  for (const run of state.runs.values()) for (const task of run.tasks.values()) resend(turn, run, task, false);
  for (const uuid of state.operations.keys()) sendOperation(turn, uuid, false);
  tellOversubscribed(turn);
}

const awaitPing = (turn: Turn): void =>
  emit(turn, { type: 'setTimer', key: PING_TIMER, delayMs: turn.state.link.pingTimeoutMs });
