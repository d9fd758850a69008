import { createApp, removeApp, restartApp, updateApps } from './commands/apps.js';
import type { Command } from './commands/command.js';
import { cancelDeployment, resetAppDelay, revertDeployment } from './commands/deployments.js';
import { putGroup, removeGroup } from './commands/groups.js';
import { Refusal } from './commands/refusal.js';
import { killAppTasks, killTasks } from './commands/tasks.js';
import { updateInterest } from './demand.js';
import { settle } from './deployments/run.js';
import type { Answer, Effect, MarathonEvent } from './effects.js';
import { onProbed } from './health.js';
import { kill, killTimer, launchTimer, lostTimer, sendKill } from './instances.js';
import { matchOffers } from './offers/match.js';
import { RECONCILE_TIMER, onReconcileTimer, startReconciling } from './reconcile.js';
import { saveFramework } from './records.js';
import type { Instance, MarathonState } from './state.js';
import { applyUnreachableStrategy, onStatus } from './statuses.js';
import { Turn } from './turn.js';

const RETRY_AFTER_MS = 1000;

/** The scheduler as a state machine. `atMs` is milliseconds since the epoch, never decreasing. */
export function step(state: MarathonState, event: MarathonEvent, atMs: number): Effect[] {
  const turn = new Turn(state, atMs);
  handle(turn, event);
  settle(turn);
  if (state.phase === 'acting' && state.heldOffers.size > 0) {
    const offers = [...state.heldOffers.values()];
    state.heldOffers.clear();
    matchOffers(turn, offers);
    settle(turn);
  }
  updateInterest(turn);
  return turn.finish();
}

function handle(turn: Turn, event: MarathonEvent): void {
  const { state } = turn;
  switch (event.type) {
    case 'started':
      return onStarted(turn, event.nonce);
    case 'commandReceived':
      return turn.reply(event.requestId, carryOut(turn, event.command));
    case 'subscribed':
      return onSubscribed(turn, event.frameworkId);
    case 'disconnected':
      return onDisconnected(turn, event.reason);
    case 'refused':
      return onRefused(turn, event.reason);
    case 'offersReceived':
      for (const offer of event.offers) state.heldOffers.set(offer.id.value, offer);
      return;
    case 'offerRescinded':
      state.heldOffers.delete(event.offerId);
      return;
    case 'statusReceived':
      return onStatus(turn, event.status);
    case 'callFailed':
      return turn.timer(RECONCILE_TIMER, RETRY_AFTER_MS);
    case 'timerFired':
      return onTimer(turn, event.key);
    case 'probed':
      return onProbed(turn, event.taskId, event.index, event.failure);
  }
}

function carryOut(turn: Turn, command: Command): Answer {
  try {
    return dispatch(turn, command);
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

function dispatch(turn: Turn, command: Command): Answer {
  switch (command.kind) {
    case 'createApp':
      return createApp(turn, command);
    case 'updateApps':
      return updateApps(turn, command);
    case 'putGroup':
      return putGroup(turn, command);
    case 'removeGroup':
      return removeGroup(turn, command);
    case 'removeApp':
      return removeApp(turn, command);
    case 'restartApp':
      return restartApp(turn, command);
    case 'killAppTasks':
      return killAppTasks(turn, command);
    case 'killTasks':
      return killTasks(turn, command);
    case 'revertDeployment':
      return revertDeployment(turn, command.id);
    case 'cancelDeployment':
      return cancelDeployment(turn, command.id);
    case 'resetDelay':
      return resetAppDelay(turn, command.id);
  }
}

/** What was recovered gets its timers back. */
function onStarted(turn: Turn, nonce: string): void {
  const { state } = turn;
  state.nonce = nonce;
  for (const key of state.orphans.splice(0)) turn.remove(key);
  for (const instance of state.instancesByTask.values()) {
    if (isLaunching(instance)) turn.timer(launchTimer(instance), state.settings.launchTimeoutMs);
    applyUnreachableStrategy(turn, instance);
  }
}

const isLaunching = ({ condition }: Instance): boolean => ['provisioned', 'staging', 'starting'].includes(condition);

/** Every subscription begins with all roles suppressed: offers come when something is wanted. */
function onSubscribed(turn: Turn, frameworkId: string): void {
  const { state } = turn;
  const known = state.frameworkId !== undefined;
  if (state.frameworkId !== frameworkId) {
    state.frameworkId = frameworkId;
    saveFramework(turn);
  }
  state.offlineReason = undefined;
  for (const interest of state.roles.values()) Object.assign(interest, { suppressed: true, filtered: true });
  turn.publish(known ? 'scheduler_reregistered_event' : 'scheduler_registered_event', { frameworkId });
  startReconciling(turn);
}

function onDisconnected(turn: Turn, reason: string): void {
  const { state } = turn;
  const before = state.phase;
  state.phase = 'offline';
  state.offlineReason = reason;
  state.heldOffers.clear();
  if (before !== 'offline') turn.publish('scheduler_disconnected_event', { reason });
}

/**
 * Removed by an operator: its tasks were ended with it, so it starts over as a new framework. Anything else (another process
 * took its place) ends this one.
 */
function onRefused(turn: Turn, reason: string): void {
  const { state } = turn;
  onDisconnected(turn, reason);
  if (!/removed|completed|torn down/i.test(reason)) return turn.add({ type: 'giveUp', reason });
  for (const instance of [...state.instancesByTask.values()])
    onStatus(turn, { taskId: { value: instance.task?.id ?? '' }, state: 'TASK_GONE', reason: 'REASON_RECONCILIATION' });
  state.frameworkId = undefined;
  saveFramework(turn);
  turn.add({ type: 'resubscribe' });
}

function onTimer(turn: Turn, key: string): void {
  if (key === RECONCILE_TIMER) return onReconcileTimer(turn);
  const [kind, id = ''] = splitOnce(key);
  if (kind === 'delay') return void turn.touched.add(id);
  const instance = findInstance(turn.state, id);
  if (instance === undefined) return;
  if (key === killTimer(instance) && instance.condition === 'killing') sendKill(turn, instance);
  if (key === launchTimer(instance) && isLaunching(instance)) kill(turn, instance, false, 'it did not start in time');
  if (key === lostTimer(instance)) applyUnreachableStrategy(turn, instance);
}

const splitOnce = (key: string): [string, string?] => {
  const colon = key.indexOf(':');
  return colon < 0 ? [key] : [key.slice(0, colon), key.slice(colon + 1)];
};

function findInstance(state: MarathonState, id: string): Instance | undefined {
  const appId = id.split('.instance-')[0];
  return appId === undefined ? undefined : state.apps.get(`/${appId.replaceAll('_', '/')}`)?.instances.get(id);
}
