import { randomUUID } from 'node:crypto';
import { steadyNow } from '@mezzo/sdk/contract';
import type { Clock, Random } from '../ports/clock.js';

/** A longer timeout fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: steadyNow,
  after(ms, callback) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const next = leftMs > MAX_TIMEOUT_MS ? () => wait(leftMs - MAX_TIMEOUT_MS) : callback;
      timer = setTimeout(next, Math.min(leftMs, MAX_TIMEOUT_MS));
      timer.unref();
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = { uuid: () => randomUUID(), fraction: () => Math.random() };
