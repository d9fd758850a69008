import { join } from 'node:path';
import { CLUSTER, token } from '@mezzo/sdk/contract';
import { ISOLATOR } from '@mezzo/sdk/points/isolator';
import { definePlugin, skipped } from '@mezzo/sdk/runtime';
import { PrivateTmp } from './private-tmp.js';

interface Config {
  readonly sizeMib: number;
  readonly checkSeconds: number;
}

const PRIVATE_TMP = token<PrivateTmp>('private-tmp/isolator');

export default definePlugin<Config>({
  configure(bind, { sizeMib, checkSeconds }) {
    bind.bind(PRIVATE_TMP, {
      useFactory: (resolve) => {
        const dir = join(resolve(CLUSTER).stateDir, 'containers');
        return new PrivateTmp({ dir, sizeMib, checkMs: checkSeconds * 1000 });
      },
    });
    bind.contribute(ISOLATOR, { useFactory: (resolve) => resolve(PRIVATE_TMP) });
  },
  activate(ctx) {
    if (process.getuid?.() !== 0) throw skipped('only agents that run as root can mount anything into a container');
    const isolator = ctx.resolve(PRIVATE_TMP);
    ctx.own(() => isolator.close());
  },
});
