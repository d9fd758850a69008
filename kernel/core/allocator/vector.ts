import { KNOWN_SCALARS, milliOf, type Identity, type Quantities, type Resources } from '../resources/index.js';

/** Thousandths by the index of a scalar's name; a missing place is 0. */
export type Vector = number[];

/** Amounts that an offer must hold, all of them. */
export type Minimum = readonly { readonly name: string; readonly milli: number }[];

export const minimumsOf = (sets: readonly Quantities[]): Minimum[] =>
  sets.map((quantities) => Array.from(quantities, ([name, milli]) => ({ name, milli })));

/** Any one of the minimums is enough; none at all means that anything is. */
export function isAllocatable(resources: Resources, minimums: readonly Minimum[]): boolean {
  if (resources.isEmpty) return false;
  return (
    minimums.length === 0 || minimums.some((set) => set.every(({ name, milli }) => resources.scalar(name) >= milli))
  );
}

/** Numbers the names of scalars, so that shares are computed on arrays. */
export class Names {
  readonly #indices = new Map(KNOWN_SCALARS.map((name, index) => [name, index]));

  index(name: string): number {
    let index = this.#indices.get(name);
    if (index === undefined) this.#indices.set(name, (index = this.#indices.size));
    return index;
  }

  /** Undefined for a name that nobody has used. */
  known(name: string): number | undefined {
    return this.#indices.get(name);
  }

  vector(quantities: Quantities): Vector {
    const out: Vector = [];
    for (const [name, milli] of quantities) addAt(out, this.index(name), milli);
    return out;
  }

  quantities(vector: Vector, counts = (milli: number): boolean => milli !== 0): Map<string, number> {
    const out = new Map<string, number>();
    for (const [name, index] of this.#indices) {
      const milli = vector[index];
      if (milli !== undefined && counts(milli)) out.set(name, milli);
    }
    return out;
  }

  /** Adds (sign 1) or takes away (-1) the scalars that `counts`. */
  accumulate(vector: Vector, resources: Resources, sign: 1 | -1, counts: (id: Identity) => boolean): void {
    for (const entry of resources.entries) {
      const { id } = entry;
      if (id.type !== 'SCALAR' || !counts(id)) continue;
      addAt(vector, id.knownIndex >= 0 ? id.knownIndex : this.index(id.name), sign * milliOf(entry));
    }
  }
}

export function addAt(vector: Vector, index: number, milli: number): void {
  while (vector.length <= index) vector.push(0);
  vector[index]! += milli;
}
