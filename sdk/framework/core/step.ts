import type { FrameworkEffect, FrameworkInput } from './events.js';
import { makeLaunchable, updateInterest } from './interest.js';
import { addEntry, endLaunch, retryTimer, sendKill, stopEntry } from './lifecycle.js';
import { answerInverseOffers, answerOffers } from './place.js';
import { RECONCILE_TIMER, askAll, askWithin, onCallFailed, onReconcileTimer } from './reconcile.js';
import type { Entry, FrameworkState } from './state.js';
import { onStatus, watchLost } from './statuses.js';
import { Turn } from './turn.js';

const ASK_AFTER_LOSS_MS = 1000;

/** The scheduler as a state machine. `atMs` is milliseconds since the epoch, never decreasing. */
export function step(state: FrameworkState, input: FrameworkInput, atMs: number): FrameworkEffect[] {
  const turn = new Turn(state, atMs);
  handle(turn, input);
  updateInterest(turn);
  return turn.finish();
}

function handle(turn: Turn, input: FrameworkInput): void {
  const { state } = turn;
  switch (input.type) {
    case 'started':
      return [...state.entries.values()].forEach((entry) => resume(turn, entry));
    case 'wanted':
      return addEntry(turn, input.want);
    case 'unwanted': {
      const entry = state.entries.get(input.key);
      return entry && stopEntry(turn, entry);
    }
    case 'subscribed':
      return onSubscribed(turn, input.frameworkId);
    case 'disconnected':
      state.connected = false;
      return;
    case 'rejected':
      return onRejected(turn, input.reason);
    case 'offered':
      return answerOffers(turn, input.offers);
    case 'inverseOffered':
      return answerInverseOffers(turn, input.offers);
    case 'statusReceived':
      return onStatus(turn, input.status);
    case 'agentFailed':
      for (const { launch } of state.byTaskId.values())
        if (launch?.agentId === input.agentId) state.unanswered.add(launch.taskId);
      return askWithin(turn, ASK_AFTER_LOSS_MS);
    case 'callFailed':
      return onCallFailed(turn, input.call);
    case 'timerFired':
      return onTimer(turn, input.key);
  }
}

/** What was recovered gets its timers back. */
function resume(turn: Turn, entry: Entry): void {
  if (entry.launch) return watchLost(turn, entry);
  if (entry.outcome === undefined) waitForTurn(turn, entry);
}

function waitForTurn(turn: Turn, entry: Entry): void {
  const leftMs = (entry.retryAtMs ?? 0) - turn.atMs;
  if (leftMs > 0) turn.timer(retryTimer(entry), leftMs);
  else makeLaunchable(turn, entry);
}

/** Every subscription begins with all roles suppressed: offers come when something is wanted. */
function onSubscribed(turn: Turn, frameworkId: string): void {
  const { state } = turn;
  state.connected = true;
  state.undeclined.length = 0;
  state.callFailed = false;
  if (state.frameworkId !== frameworkId) {
    state.frameworkId = frameworkId;
    turn.saveFramework();
  }
  turn.add({ type: 'connected' });
  for (const interest of state.roles.values()) Object.assign(interest, { suppressed: true, filtered: false });
  for (const entry of state.byTaskId.values()) sendKill(turn, entry);
  askAll(turn);
}

/** Removed by an operator, or away for too long: its tasks were ended with it. Otherwise another process has taken its place. */
function onRejected(turn: Turn, reason: string): void {
  const { state } = turn;
  const removed = /removed|completed|torn down/i.test(reason);
  state.connected = false;
  if (!removed || !state.settings.startAnew) return turn.add({ type: 'giveUp', reason, removed });
  state.frameworkId = undefined;
  turn.saveFramework();
  for (const entry of [...state.byTaskId.values()])
    endLaunch(turn, entry, { state: 'TASK_GONE', message: reason }, false);
  turn.add({ type: 'startAnew', reason });
}

function onTimer(turn: Turn, timer: string): void {
  if (timer === RECONCILE_TIMER) return onReconcileTimer(turn);
  const colon = timer.indexOf(':');
  const entry = turn.state.entries.get(timer.slice(colon + 1));
  if (entry === undefined) return;
  switch (timer.slice(0, colon)) {
    case 'retry':
      return makeLaunchable(turn, entry);
    case 'kill':
      return sendKill(turn, entry);
    case 'lost':
      return watchLost(turn, entry);
  }
}
