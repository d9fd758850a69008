import { qosControllerSuite, resourceEstimatorSuite, type Law } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';
import { FixedEstimator, LoadQosController } from '../../kernel/shell/agent/oversubscription.js';

const check = (laws: readonly Law[]) =>
  laws.forEach(({ title, timeoutMs, run }) => it(title, { timeout: timeoutMs }, run));
const cpus = { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 2 } };

describe('the fixed estimator', () => check(resourceEstimatorSuite({ estimator: new FixedEstimator([cpus]) })));
describe.each([
  ['at rest', [0, 0, 0]],
  ['under load', [9, 9, 9]],
])('the load controller %s', (_, load) =>
  check(qosControllerSuite({ controller: new LoadQosController({ load5: 1 }, () => load) })),
);
