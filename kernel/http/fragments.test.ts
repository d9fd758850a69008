import { jsonList, Lazy, type Piece, type Run } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { Fragments } from './fragments.js';

interface Item {
  readonly id: number;
  version: number;
}

const same = (item: unknown): unknown => item;
/** Numbers that look random and are the same each time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

function list(fragments: Fragments, items: readonly object[], more: Partial<Run> = {}) {
  let written = 0;
  const write = (item: object): Piece => {
    written++;
    return `"ü${JSON.stringify(item)}"`;
  };
  const run: Run = { items, view: same, keeper: list, ...more };
  const bytes = [...jsonList(new Lazy([run]), write, fragments.writeRun)].map((piece) => Buffer.from(piece));
  return { text: Buffer.concat(bytes).toString(), written };
}

const plain = (items: readonly object[]): string => `[${items.map((item) => `"ü${JSON.stringify(item)}"`).join()}]`;

test('whatever changes, goes or comes, the text is that of now', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const roll = dice(seed);
    const fragments = new Fragments();
    let next = 0;
    const fresh = (): Item => ({ id: next++, version: 0 });
    let items = Array.from({ length: roll(400) }, fresh);
    for (let poll = 0; poll < 30; poll++) {
      for (let change = roll(20); change > 0; change--) {
        const at = roll(items.length);
        const kind = roll(4);
        if (kind === 0 && items[at]) items[at] = { ...items[at], version: items[at].version + 1 };
        else if (kind === 1) items.splice(at, 1 + roll(3));
        else if (kind === 2) items = [...items, ...Array.from({ length: roll(90) }, fresh)];
        else items = items.slice(roll(3));
      }
      expect(list(fragments, items).text, `seed ${seed}, poll ${poll}`).toBe(plain(items));
    }
  }
});

test('what has not changed is not written again, wherever it is by then', () => {
  const fragments = new Fragments();
  const items: object[] = Array.from({ length: 1000 }, (_, id) => ({ id }));
  expect(list(fragments, items).written).toBe(1000);
  expect(list(fragments, items).written).toBe(0);
  items[500] = { id: 'new' };
  expect(list(fragments, items).written).toBe(1);
  items.push({ id: 'last' });
  expect(list(fragments, items).written).toBe(1);
  items.shift();
  expect(list(fragments, items).written).toBeLessThan(64);
  expect(list(fragments, items, { keeper: undefined }).written).toBe(1000);
});

test('few members are written in one go, however many are kept together', () => {
  let written = 0;
  const write = (): Piece => (written++, '1');
  const run: Run = { items: Array.from({ length: 1000 }, (_, id) => ({ id })), view: same, keeper: list };
  let [before, most] = [0, 0];
  for (const _ of jsonList(new Lazy([run]), write, new Fragments().writeRun)) {
    most = Math.max(most, written - before);
    before = written;
  }
  expect([written, most]).toEqual([1000, 8]);
});

test('items that change are the same for as long as they look the same', () => {
  const fragments = new Fragments();
  const items = Array.from({ length: 200 }, (_, id) => ({ id, version: 0 }));
  const looks = new Map<string, object>();
  const look = (item: unknown): object => {
    const text = JSON.stringify(item);
    return looks.get(text) ?? looks.set(text, {}).get(text)!;
  };
  expect(list(fragments, items, { look }).written).toBe(200);
  items[7]!.version = 1;
  const { text, written } = list(fragments, items, { look });
  expect(text).toBe(plain(items));
  expect(written).toBe(1);
});
