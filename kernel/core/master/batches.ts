import type { MasterEvent } from './events.js';
import { ALLOCATE_TIMER } from './ledger.js';
import { setTimer, type Turn } from './turn.js';

export const BATCH_TIMER = 'batch';

/** Whether this step ends with offers. In batches, who comes or revives is served at once, and all else at the next one. */
export function isTimeToOffer(turn: Turn, event: MasterEvent): boolean {
  const { state, atMs } = turn;
  const { allocator, options } = state;
  const timer = event.type === 'timerFired' ? event.id : undefined;
  const isWanted = timer === ALLOCATE_TIMER || timer === BATCH_TIMER || !allocator.isIdle;
  if (!options.batchAllocation || !isWanted || timer === BATCH_TIMER) return isWanted;
  if (event.type === 'schedulerSubscribed' || event.type === 'agentSubscribed') return true;
  if (event.type === 'schedulerCalled' && event.call.type === 'REVIVE') return true;
  // They come at whole intervals of this master's time.
  const intervalMs = Math.max(1, options.allocationIntervalMs);
  const nextMs = atMs + intervalMs - ((atMs - state.electedAtMs) % intervalMs);
  if (nextMs !== state.batchAtMs) setTimer(turn, BATCH_TIMER, nextMs);
  state.batchAtMs = nextMs;
  return false;
}
