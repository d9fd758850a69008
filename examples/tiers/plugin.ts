import { ALLOCATOR_POLICY } from '@mezzo/sdk/points/allocator-policy';
import { definePlugin } from '@mezzo/sdk/runtime';
import { Tiers, type TiersOptions } from './tiers.js';

export default definePlugin<TiersOptions>({
  configure(bind, options) {
    bind.contribute(ALLOCATOR_POLICY, { useFactory: () => new Tiers(options) });
  },
  activate() {},
});
