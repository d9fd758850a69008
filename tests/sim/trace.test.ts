import { test } from 'vitest';
import { World } from './world.js';

const seed = process.env.MEZZO_SIM_TRACE;

/** `npm run sim -- --seed S` prints the run, line by line, and fails as the run does. */
test(`the trace of seed ${seed}`, { timeout: 600_000 }, () => {
  const world = new World(Number(seed), true);
  try {
    world.run();
  } finally {
    process.stdout.write(`${world.time.trace.join('\n')}\n`);
  }
});
