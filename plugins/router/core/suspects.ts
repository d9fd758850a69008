import type { Target } from './apps.js';

const SUSPECTS_MAX = 10_000;

/** Addresses that did not take a connection lately: others are asked first for a while. */
export class Suspects {
  private readonly until = new Map<string, number>();

  constructor(private readonly forMs: number) {}

  add({ host, port }: Target, atMs: number): void {
    const key = `${host} ${port}`;
    this.until.delete(key);
    this.until.set(key, atMs + this.forMs);
    const oldest = this.until.keys().next();
    if (this.until.size > SUSPECTS_MAX && !oldest.done) this.until.delete(oldest.value);
  }

  /** Same targets, suspects last. */
  last(targets: readonly Target[], atMs: number): readonly Target[] {
    if (this.until.size === 0 || targets.length < 2) return targets;
    const suspect = targets.filter((target) => this.has(target, atMs));
    return suspect.length === 0 ? targets : [...targets.filter((target) => !suspect.includes(target)), ...suspect];
  }

  private has({ host, port }: Target, atMs: number): boolean {
    const key = `${host} ${port}`;
    const until = this.until.get(key);
    if (until !== undefined && until <= atMs) this.until.delete(key);
    return until !== undefined && until > atMs;
  }
}
