import { expect, test } from 'vitest';
import { planted } from './planted.js';
import { violation } from './world.js';

const CATCH_WITHIN = 200;

test.each(Object.keys(planted))(
  `a planted bug is caught within ${CATCH_WITHIN} seeds: %s`,
  { timeout: 300_000 },
  (name) => {
    let seed = 1;
    const { worlds = () => true } = planted[name]!;
    while (seed <= CATCH_WITHIN && !(worlds(seed) && violation(seed, planted[name]) !== undefined)) seed++;
    expect(seed).toBeLessThanOrEqual(CATCH_WITHIN);
  },
);
