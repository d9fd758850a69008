export { LoggedStore, type LoggedStoreOptions } from './logged-store.js';
export type { LogReader, StoreLog } from './store-log.js';
export { decodeEntry, encodeEntry, fenced, STORE_FORMAT, tooNew, type LogEntry } from './store-entry.js';

// What LoggedStore is made of, for a store that is made otherwise
export { MemoryStore, type MemoryLog } from './memory-store.js';
export { after } from './store-entry.js';
export { StoreView, type WatchListener } from './store-view.js';
export { ViewedStore } from './viewed-store.js';
export { WriteQueue, type WriteGroup } from './write-queue.js';
