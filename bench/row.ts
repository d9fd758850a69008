/** One measured line. `ratio` is how many times better than the peer we are. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, and where a number that was not measured here comes from. */
  readonly peer?: string;
  readonly peerValue?: number;
  readonly ratio?: number;
}

export type Report = (row: Row) => void;

/** Middle of at least one value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that so many in a hundred do not exceed, of at least one. */
export const percentile = (values: readonly number[], percent: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1]!;

/** Three significant digits. */
export const round = (value: number): number => Number(value.toPrecision(3));
