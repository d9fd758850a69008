/** So few new keys are put in their places one by one; more of them are cheaper to sort in together. */
const SPLICE_LIMIT = 32;

/** A set of strings with sorted prefix scans. Adding and deleting is cheap; the next scan sorts what was added since. */
export class SortedKeys {
  private sorted: string[] = [];
  /** Deleted, but still in `sorted`. */
  private readonly dead = new Set<string>();
  private readonly added = new Set<string>();

  /** The key must not be in the set. */
  add(key: string): void {
    if (!this.dead.delete(key)) this.added.add(key);
  }

  /** The key must be in the set. */
  delete(key: string): void {
    if (!this.added.delete(key)) this.dead.add(key);
  }

  *scan(prefix: string): Generator<string, void, undefined> {
    this.settle();
    for (let at = lowerBound(this.sorted, prefix); at < this.sorted.length; at++) {
      const key = this.sorted[at]!;
      if (!key.startsWith(prefix)) return;
      if (!this.dead.has(key)) yield key;
    }
  }

  private settle(): void {
    if (this.dead.size > SPLICE_LIMIT && this.dead.size > this.sorted.length / 2) {
      this.sorted = this.sorted.filter((key) => !this.dead.has(key));
      this.dead.clear();
    }
    if (this.added.size === 0) return;
    if (this.added.size > SPLICE_LIMIT) {
      for (const key of this.added) this.sorted.push(key);
      this.sorted.sort(byCodeUnits);
    } else {
      for (const key of this.added) this.sorted.splice(lowerBound(this.sorted, key), 0, key);
    }
    this.added.clear();
  }
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The index of the first key that is not less. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  for (let high = sorted.length; low < high;) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
