import { join } from 'node:path';
import { CLUSTER, LOG, token } from '@mezzo/sdk/contract';
import { CONTAINERIZER } from '@mezzo/sdk/points/containerizer';
import { ISOLATOR } from '@mezzo/sdk/points/isolator';
import { definePlugin } from '@mezzo/sdk/runtime';
import { MesosContainerizer } from './shell/mesos-containerizer.js';

interface Config {
  readonly runtimeDir?: string;
  readonly namespaces: boolean;
  readonly cgroups: boolean;
  readonly cfs: boolean;
  readonly isolatorTimeoutSeconds: number;
}

const MESOS = token<MesosContainerizer>('containerizer-mesos/containerizer');

export default definePlugin<Config>({
  configure(bind, { runtimeDir, isolatorTimeoutSeconds, ...options }) {
    bind.bind(MESOS, {
      useFactory: (resolve) =>
        new MesosContainerizer({
          ...options,
          isolatorTimeoutMs: isolatorTimeoutSeconds * 1000,
          runtimeDir: runtimeDir ?? join(resolve(CLUSTER).stateDir, 'run'),
          log: resolve(LOG),
        }),
    });
    bind.contribute(CONTAINERIZER, { useFactory: (resolve) => resolve(MESOS) });
  },
  async activate(ctx) {
    const containerizer = ctx.resolve(MESOS);
    ctx.own(() => containerizer.close());
    await containerizer.start(ctx.contributions(ISOLATOR));
    for (const note of (await containerizer.capabilities()).notes) ctx.log.warn(note);
  },
});
