/** Lets one waiter go on; a signal that comes while nobody waits is kept. */
export class Signal {
  private fired = false;
  private go: (() => void) | undefined;

  fire(): void {
    this.fired = true;
    this.go?.();
  }

  async wait(): Promise<void> {
    if (!this.fired) await new Promise<void>((resolve) => (this.go = resolve));
    this.fired = false;
    this.go = undefined;
  }
}
