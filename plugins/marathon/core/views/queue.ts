import { delayLeftMs } from '../delay.js';
import { isoTime } from '../ids.js';
import { REASONS, describeRefusal } from '../offers/reasons.js';
import type { Reason } from '../offers/reasons.js';
import type { AppEntry, MarathonState, Waiting } from '../state.js';

/** The launch queue: every app with instances that wait, and why. */
export function queueView(
  state: MarathonState,
  atMs: number,
  withOffers: boolean,
): { queue: Record<string, unknown>[] } {
  const entries = [...state.apps.values()].filter(({ waiting }) => waiting !== undefined);
  return { queue: entries.map((entry) => queueItem(state, entry, atMs, withOffers)) };
}

function queueItem(state: MarathonState, entry: AppEntry, atMs: number, withOffers: boolean): Record<string, unknown> {
  const { waiting, definition, scheduled } = entry;
  const leftMs = delayLeftMs(entry, atMs);
  return {
    count: scheduled.size,
    role: definition.role,
    delay: { timeLeftSeconds: Math.ceil(leftMs / 1000), overdue: leftMs === 0 },
    since: isoTime(waiting?.sinceMs ?? atMs),
    processedOffersSummary: waiting && offersSummary(waiting),
    reason: whyWaiting(state, entry, atMs),
    ...(withOffers && { lastUnusedOffers: waiting && lastUnusedOffers(waiting) }),
    app: definition,
  };
}

function offersSummary(waiting: Waiting): Record<string, unknown> {
  const { processed, unused, lastUnusedAtMs, lastUsedAtMs, declined, last } = waiting;
  const lastDeclined = new Map<Reason, number>();
  for (const { reason } of last.values()) lastDeclined.set(reason, (lastDeclined.get(reason) ?? 0) + 1);
  return {
    processedOffersCount: processed,
    unusedOffersCount: unused,
    ...(lastUnusedAtMs !== undefined && { lastUnusedOfferAt: isoTime(lastUnusedAtMs) }),
    ...(lastUsedAtMs !== undefined && { lastUsedOfferAt: isoTime(lastUsedAtMs) }),
    rejectSummaryLastOffers: funnel(lastDeclined, last.size),
    rejectSummaryLaunchAttempt: funnel(declined, processed),
  };
}

/** Each reason sifts what the ones before let pass. */
function funnel(declined: ReadonlyMap<Reason, number>, processed: number): Record<string, unknown>[] {
  let left = processed;
  return REASONS.map((reason) => {
    const row = { reason, declined: declined.get(reason) ?? 0, processed: left };
    left -= row.declined;
    return row;
  });
}

const lastUnusedOffers = (waiting: Waiting): Record<string, unknown>[] =>
  [...waiting.last.values()].map(({ offer, atMs, ...refusal }) => ({
    offer: {
      id: offer.id.value,
      agentId: offer.agentId.value,
      hostname: offer.hostname,
      resources: offer.resources,
      attributes: offer.attributes ?? [],
    },
    timestamp: isoTime(atMs),
    reason: [refusal.reason],
    message: `${offer.hostname} ${describeRefusal(refusal)}`,
  }));

/** One sentence: what stands between the app and its next instance. Undefined when nothing waits. */
export function whyWaiting(state: MarathonState, entry: AppEntry, atMs: number): string | undefined {
  const { waiting } = entry;
  if (waiting === undefined) return undefined;
  if (state.phase === 'offline') return `No connection to the master: ${state.offlineReason ?? 'not subscribed yet'}`;
  if (state.phase === 'reconciling') return 'Waiting for the master to tell what became of earlier tasks';
  const leftMs = delayLeftMs(entry, atMs);
  if (leftMs > 0) {
    const message = entry.lastFailure?.message;
    return `Launches are held back for ${Math.ceil(leftMs / 1000)} s after a failure${message ? `: ${message}` : ''}`;
  }
  if (waiting.last.size === 0) return 'No offers have come since it began to wait';
  return nearest(waiting);
}

/** The offer that got furthest through the sieve says what is missing least. */
function nearest({ last }: Waiting): string {
  const rejections = [...last.values()];
  const depth = ({ reason }: { reason: Reason }) => REASONS.indexOf(reason);
  const best = rejections.reduce((a, b) => (depth(b) > depth(a) ? b : a));
  const { offer, reason } = best;
  const same = rejections.filter((each) => each.reason === reason).length;
  return `None of ${last.size} agents fits; nearest: ${offer.hostname} ${describeRefusal(best)} (${reason}, ${same} of ${last.size})`;
}
