import { CLUSTER, LOG, messageOf, token, type Logger } from '@mezzo/sdk/contract';
import { CONTAINERIZER } from '@mezzo/sdk/points/containerizer';
import { definePlugin, skipped } from '@mezzo/sdk/runtime';
import { DockerContainerizer } from './shell/docker-containerizer.js';

interface Config {
  readonly socket?: string;
  readonly pullTimeoutMs: number;
}

/** Where the containerizer says that the engine was lost or found; the plugin's context is there only later. */
class Trouble {
  listener: (reason: string | undefined) => void = () => {};
}

const DOCKER = token<DockerContainerizer>('containerizer-docker/containerizer');
const TROUBLE = token<Trouble>('containerizer-docker/trouble');

export default definePlugin<Config>({
  configure(bind, config) {
    bind.bind(TROUBLE, { useValue: new Trouble() });
    bind.bind(DOCKER, {
      useFactory: (resolve) => {
        const trouble = resolve(TROUBLE);
        const log: Logger = resolve(LOG);
        const { stateDir } = resolve(CLUSTER);
        return new DockerContainerizer({ ...config, log, stateDir, onTrouble: (reason) => trouble.listener(reason) });
      },
    });
    bind.contribute(CONTAINERIZER, { useFactory: (resolve) => resolve(DOCKER) });
  },

  async activate(ctx, { socket }) {
    const containerizer = ctx.resolve(DOCKER);
    ctx.resolve(TROUBLE).listener = (reason) => ctx.degraded(reason);
    try {
      await containerizer.start();
    } catch (error) {
      const where = socket ?? process.env['DOCKER_HOST'] ?? '/var/run/docker.sock';
      throw skipped(
        `no Docker Engine answers at ${where} (${messageOf(error)}): install and start one (apt-get install docker.io), or set "socket"`,
      );
    }
    ctx.own(() => containerizer.close());
    for (const note of (await containerizer.capabilities()).notes) ctx.log.warn(note);
  },
});
