import { FAULTS } from '../support/faults/faults.js';
import { survives } from '../support/faults/suite.js';

await survives({ faults: FAULTS, seed: Number(process.env.MEZZO_FAULTS_SEED ?? 1), rounds: 1 });
