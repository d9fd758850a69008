import { setTimeout as sleep } from 'node:timers/promises';
import type { RunStatus } from '@mezzo/sdk/runtime';
import type { Life } from './life.js';

/** Longer than any activation may take. */
const WELL_WITHIN_MS = 45_000;

/** `life` is well and may take over; or why not, and whether it is not for this machine at all. */
export type Succession = { readonly life: Life } | { readonly failure: string; readonly skipped: boolean };

/** A process of a plugin that is to take over from the one that serves: started beside it, and ended when it does not become well. */
export class Successor {
  private life: Life | undefined;
  private abandoned = false;

  constructor(
    private readonly evict: () => Promise<void>,
    private readonly start: (onStatus: (status: RunStatus) => void) => Promise<Life>,
    private readonly graceMs: number,
  ) {}

  async run(): Promise<Succession> {
    let tellWell = (): void => {};
    const well = new Promise<'well'>((resolve) => (tellWell = () => resolve('well')));
    await this.evict();
    if (this.abandoned) return { failure: 'not wanted any more', skipped: false };
    const life = (this.life = await this.start(({ state }) => {
      if (state === 'active' || state === 'degraded') tellWell();
    }));
    if (this.abandoned) await life.stop(this.graceMs);
    const outcome = await Promise.race([well, life.ended, sleep(WELL_WITHIN_MS, 'late', { ref: false })]);
    if (outcome === 'well' && !this.abandoned) return { life };
    await life.stop(this.graceMs);
    if (typeof outcome === 'string') return { failure: 'it did not become active in time', skipped: false };
    const { status } = outcome;
    return { failure: status?.reason ?? 'it died', skipped: status?.state === 'skipped' };
  }

  async abandon(): Promise<void> {
    this.abandoned = true;
    await this.life?.stop(this.graceMs);
  }

  detach(): void {
    this.life?.detach();
  }
}
