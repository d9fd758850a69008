import { carryOut } from './commands.js';
import type { Answer, Effect, MetronomeEvent } from './effects.js';
import { fireWhenReady } from './dependencies.js';
import { onFiringTimer, plan } from './firing.js';
import { Refusal } from './refusal.js';
import { onRunTimer, onTaskChanged, resumeRuns } from './runs.js';
import type { MetronomeState } from './state.js';
import { Turn } from './turn.js';

/** The scheduler as a state machine. `atMs` is milliseconds since the epoch, never decreasing. */
export function step(state: MetronomeState, event: MetronomeEvent, atMs: number): Effect[] {
  const turn = new Turn(state, atMs);
  switch (event.type) {
    case 'started':
      onStarted(turn, event.seed, event.keys);
      break;
    case 'commandReceived':
      turn.reply(event.requestId, answerTo(turn, event.command));
      break;
    case 'woke':
      onWoke(turn);
      break;
    case 'taskChanged':
      onTaskChanged(turn, event.key, event.change);
      break;
  }
  return turn.finish();
}

/** What was recovered gets its times back; what was missed meanwhile is due at once. */
function onStarted(turn: Turn, seed: number, keys: readonly string[]): void {
  const { state } = turn;
  state.startedAtMs = turn.atMs;
  state.idState = Math.abs(Math.trunc(seed)) % 62 ** 5;
  resumeRuns(turn, keys);
  for (const key of state.orphans.splice(0)) turn.remove(key);
  for (const { job } of state.jobs.values())
    if (job.dependencies.length > 0) state.agenda.set(`ready:${job.id}`, turn.atMs);
  for (const entry of state.jobs.values()) for (const schedule of entry.job.schedules) plan(turn, entry, schedule);
}

function onWoke(turn: Turn): void {
  const { state, atMs } = turn;
  state.wakeAtMs = undefined;
  const { maxDuePerStep, maxCharsPerStep } = state.settings;
  for (let count = 0; count < maxDuePerStep && turn.chars < maxCharsPerStep; count++) {
    const due = state.agenda.takeDue(atMs);
    if (due === undefined) return;
    const colon = due.key.indexOf(':');
    const [kind, rest] = [due.key.slice(0, colon), due.key.slice(colon + 1)];
    if (kind === 'fire') onFiringTimer(turn, rest, due.atMs);
    else if (kind === 'ready') fireWhenReady(turn, state.jobs.get(rest));
    else onRunTimer(turn, kind, rest);
  }
}

function answerTo(turn: Turn, command: Parameters<typeof carryOut>[1]): Answer {
  try {
    return carryOut(turn, command);
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}
