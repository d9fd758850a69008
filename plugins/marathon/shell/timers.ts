const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Named timers: setting one again moves it. */
export class Timers {
  private readonly handles = new Map<string, NodeJS.Timeout>();

  constructor(private readonly fire: (key: string) => void) {}

  set(key: string, afterMs: number): void {
    this.clear(key);
    const handle = setTimeout(
      () => {
        this.handles.delete(key);
        this.fire(key);
      },
      Math.min(afterMs, MAX_TIMEOUT_MS),
    );
    this.handles.set(key, handle);
  }

  clear(key: string): void {
    clearTimeout(this.handles.get(key));
    this.handles.delete(key);
  }

  dispose(): void {
    for (const handle of this.handles.values()) clearTimeout(handle);
    this.handles.clear();
  }
}
