import { expect, test } from 'vitest';
import { planted } from './planted.js';
import { violation } from './world.js';

const CATCH_WITHIN = 200;

test.each(Object.keys(planted))(
  `a planted bug is caught within ${CATCH_WITHIN} seeds: %s`,
  { timeout: 300_000 },
  (name) => {
    const { worlds = () => true, seen } = planted[name]!;
    const isCaught = (seed: number) => worlds(seed) && violation(seed, planted[name]) !== undefined;
    const seeds = Array.from({ length: CATCH_WITHIN }, (_, i) => i + 1);
    expect((seen !== undefined && isCaught(seen)) || seeds.some(isCaught)).toBe(true);
  },
);
