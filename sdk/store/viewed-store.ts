import type { StoreEntry } from '../contract/index.js';
import type { StoreSnapshot } from '../points/store-driver.js';
import type { StoreView, WatchListener } from './store-view.js';

/** The reading half of every driver: from memory. */
export abstract class ViewedStore {
  protected abstract get view(): StoreView;

  get epoch(): number {
    return this.view.epoch;
  }

  get(key: string): StoreEntry | undefined {
    return this.view.get(key);
  }

  list(prefix: string): readonly StoreEntry[] {
    return this.view.list(prefix);
  }

  watch(prefix: string, listener: WatchListener): () => void {
    return this.view.watch(prefix, listener);
  }

  snapshot(): StoreSnapshot {
    return this.view.snapshot();
  }
}
