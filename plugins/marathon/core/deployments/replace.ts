/** The arithmetic of rolling upgrades: how many may go, how many may come, seen from now. */

export interface ReplaceView {
  /** Instances wanted. */
  readonly target: number;
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
  /** Instances with the old configuration that nobody has asked to end. */
  readonly oldReady: number;
  readonly oldUnready: number;
  /** Instances with the new configuration, those that wait for an offer among them. */
  readonly newReady: number;
  readonly newUnready: number;
  /** Being ended, but still there. */
  readonly ending: number;
}

export interface ReplaceMoves {
  readonly killOldReady: number;
  readonly killOldUnready: number;
  readonly start: number;
}

/** Fewest ready instances that may be left at any time. */
export const minimumReady = (target: number, minimumHealthCapacity: number): number =>
  Math.ceil(round(target * minimumHealthCapacity));

/** Most instances that may exist at any time. One more than asked for when there would be no room to move. */
export function maximumTotal(target: number, minimumHealthCapacity: number, maximumOverCapacity: number): number {
  const most = Math.trunc(round(target * (1 + maximumOverCapacity)));
  return most === minimumReady(target, minimumHealthCapacity) ? most + 1 : most;
}

/** 3 * 1.1 is 3.3000000000000003: without this a ceiling would be off by one. */
const round = (value: number): number => Math.round(value * 1e9) / 1e9;

export function replaceMoves(view: ReplaceView): ReplaceMoves {
  const { target, oldReady, oldUnready, newReady, newUnready, ending } = view;
  const least = minimumReady(target, view.minimumHealthCapacity);
  const most = maximumTotal(target, view.minimumHealthCapacity, view.maximumOverCapacity);
  const budget = Math.max(0, oldReady + newReady - least);
  const total = oldReady + oldUnready + newReady + newUnready + ending;
  const start = Math.max(0, Math.min(target - newReady - newUnready, most - total));
  const allNewReady = newReady >= target;
  if (allNewReady) return { killOldReady: oldReady, killOldUnready: oldUnready, start: 0 };
  // Nothing moves by itself any more: room is made at the expense of what serves nobody.
  const stuck = budget === 0 && start === 0 && newUnready === 0 && ending === 0;
  const killOldUnready = stuck ? Math.min(1, oldUnready) : Math.min(budget, oldUnready);
  return { killOldUnready, killOldReady: Math.min(budget - (stuck ? 0 : killOldUnready), oldReady), start };
}
