import { MezzoError } from '@mezzo/sdk/contract';
import type { PluginStore, StoreWrite } from '@mezzo/sdk/contract';
import { describe, expect, it } from 'vitest';
import type { Effect } from '../core/effects.js';
import { createState } from '../core/state.js';
import { Engine } from './engine.js';
import { EventRing } from './event-ring.js';
import { StoreWriter } from '@mezzo/sdk/framework';

const noop = () => {};
const log = { debug: noop, info: noop, warn: noop, error: noop, child: () => log };

/** Commits wait until they are let go. */
class HeldStore implements PluginStore {
  readonly batches: (readonly StoreWrite[])[] = [];
  private readonly held: { resolve: (version: number) => void; reject: (error: unknown) => void }[] = [];

  get = async () => undefined;
  list = async () => [];
  commit(batch: readonly StoreWrite[]): Promise<number> {
    this.batches.push(batch);
    return new Promise((resolve, reject) => this.held.push({ resolve, reject }));
  }
  land = () => this.held.shift()?.resolve(1);
  fail = (error: unknown) => this.held.shift()?.reject(error);
}

function start(store: PluginStore, onFatal: (error: unknown) => void = noop) {
  const done: Effect[] = [];
  const writer = new StoreWriter(store, log, onFatal);
  const engine = new Engine(createState(), writer, (effect) => done.push(effect));
  engine.dispatch({ type: 'started', nonce: 'a'.repeat(16) });
  return { engine, done, writer };
}
const app = (id: string) => ({ kind: 'createApp' as const, app: { id, cmd: 'sleep 1' }, force: false });
const put = (key: string, value = ''): StoreWrite => ({ op: 'put', key, value });

describe('the engine', () => {
  it('answers and acts only when what it decided is stored', async () => {
    const store = new HeldStore();
    const { engine, done } = start(store);
    let answered = false;
    const answer = engine.ask(app('/a')).then((each) => ((answered = true), each));
    await Promise.resolve();
    expect([answered, done.length, store.batches.length]).toEqual([false, 0, 1]);
    store.land();
    expect((await answer).status).toBe(201);
    expect(done.length).toBeGreaterThan(0);
  });

  it('stores together what comes while a write is on its way', async () => {
    const store = new HeldStore();
    const { engine } = start(store);
    const answers = Promise.all(['/a', '/b', '/c'].map((id) => engine.ask(app(id))));
    expect(store.batches).toHaveLength(1);
    store.land();
    await expect.poll(() => store.batches.length).toBe(2);
    expect(store.batches[1]?.map(({ key }) => key)).toEqual(expect.arrayContaining(['app/b', 'app/c']));
    store.land();
    expect((await answers).map(({ status }) => status)).toEqual([201, 201, 201]);
  });

  it('tries again while the store is away', async () => {
    const store = new HeldStore();
    const { engine } = start(store);
    const answer = engine.ask(app('/a'));
    store.fail(new MezzoError('STORE_UNAVAILABLE', 'away', { blame: 'environment', retryable: true }));
    await expect.poll(() => store.batches.length).toBe(2);
    store.land();
    expect((await answer).status).toBe(201);
  });

  it('gives up when a write is refused for good', async () => {
    const store = new HeldStore();
    const errors: unknown[] = [];
    const { engine } = start(store, (error) => errors.push(error));
    void engine.ask(app('/a'));
    store.fail(new MezzoError('STORE_FENCED', 'another', { blame: 'kernel' }));
    await expect.poll(() => errors.length).toBe(1);
    engine.dispose();
  });
});

describe('the store writer', () => {
  it('splits what is too much for one batch', async () => {
    const store = new HeldStore();
    const writer = new StoreWriter(store, log, noop);
    let landed = false;
    const many = Array.from({ length: 12_000 }, (_, index) => put(`k${index}`));
    writer.write(many, () => (landed = true));
    for (let batch = 1; batch <= 3; batch++) {
      await expect.poll(() => store.batches.length).toBe(batch);
      expect(landed).toBe(false);
      store.land();
    }
    await expect.poll(() => landed).toBe(true);
    expect(store.batches.map(({ length }) => length)).toEqual([5000, 5000, 2000]);
  });
});

describe('the event ring', () => {
  const publication = (n: number, text = '') => ({ eventType: 'x', timestamp: '', n, text });

  it('tells what came since an id, and whether that is all', () => {
    const ring = new EventRing(1);
    for (let n = 0; n < 6000; n++) ring.add(publication(n));
    expect(ring.since(6990)).toMatchObject({ complete: true, events: { length: 9 } });
    expect(ring.since(1000)).toMatchObject({ complete: false, events: { length: 5000 } });
    expect(ring.since(6999)).toEqual({ complete: true, events: [] });
  });

  it('is bounded in bytes too', () => {
    const ring = new EventRing(1);
    for (let n = 0; n < 20; n++) ring.add(publication(n, 'x'.repeat(1024 * 1024)));
    expect(ring.since(0).events.length).toBeLessThanOrEqual(8);
  });
});
