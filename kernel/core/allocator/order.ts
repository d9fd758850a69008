/** A sequence of 32-bit numbers (xorshift) that depends on nothing but its seed. */
export class Salts {
  #last: number;

  constructor(seed: number) {
    this.#last = seed >>> 0 || 1;
  }

  next(): number {
    let x = this.#last;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.#last = x >>> 0);
  }
}

const MAX_ITEMS = 2 ** 18;
const BLOCK = 8;

/**
 * In an order that the salt decides, for any two items the same whatever else is in the list. Slots are distinct. Blocks of
 * neighbours stay together: they lie together in memory, too, which saves a run much waiting for it.
 */
export function shuffled<T extends { readonly slot: number }>(items: readonly T[], salt: number): readonly T[] {
  if (items.length < 2) return items;
  const keys = new Float64Array(items.length);
  for (let i = 0; i < keys.length; i++) {
    const { slot } = items[i]!;
    const block = mix(Math.floor(slot / BLOCK) ^ salt);
    keys[i] = (block * BLOCK + ((slot ^ salt) & (BLOCK - 1))) * MAX_ITEMS + i;
  }
  const out: T[] = [];
  for (const key of keys.sort()) out.push(items[key % MAX_ITEMS]!);
  return out;
}

/** One-to-one on 32-bit numbers. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
