import { allocatorPolicySuite } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';
import { Tiers } from '../../examples/tiers/tiers.js';
import { strangePolicy } from '../sim/policy.js';

describe.each([
  ['that of the simulator', strangePolicy(1, 'host-0')],
  ['examples/tiers', new Tiers({ tiers: [['web'], ['web/a']], dedicatedBy: 'a' })],
])('%s', (_, policy) => {
  for (const { title, timeoutMs, run } of allocatorPolicySuite({ policy })) it(title, { timeout: timeoutMs }, run);
});
