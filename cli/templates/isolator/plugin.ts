import { token } from '@mezzo/sdk/contract';
import { ISOLATOR } from '@mezzo/sdk/points/isolator';
import { definePlugin } from '@mezzo/sdk/runtime';
import { Lifetime } from './lifetime.js';

interface Config {
  readonly maxSeconds: number;
}

const LIFETIME = token<Lifetime>('__ID__/lifetime');

export default definePlugin<Config>({
  // Containerizers take what is contributed here; `activate` has run by then.
  configure(bind, { maxSeconds }) {
    bind.bind(LIFETIME, { useFactory: () => new Lifetime('__ID__', maxSeconds) });
    bind.contribute(ISOLATOR, { useFactory: (resolve) => resolve(LIFETIME) });
  },
  activate(ctx) {
    const lifetime = ctx.resolve(LIFETIME);
    ctx.own(() => lifetime.close());
  },
});
