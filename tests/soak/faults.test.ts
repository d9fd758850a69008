import { CLOCK_FAULTS, FAULTS, MORE_FAULTS } from '../support/faults/faults.js';
import { survives } from '../support/faults/suite.js';

await survives({
  faults: [...FAULTS, ...MORE_FAULTS, ...CLOCK_FAULTS],
  seed: Number(process.env.MEZZO_FAULTS_SEED ?? Date.now() % 100_000),
  rounds: Number(process.env.MEZZO_FAULTS_ROUNDS ?? 3),
});
