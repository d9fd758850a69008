import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CLUSTER } from '@mezzo/sdk/contract';
import { CONTAINERIZER } from '@mezzo/sdk/points/containerizer';
import { definePlugin, skipped } from '@mezzo/sdk/runtime';
import { PlainContainerizer } from './plain-containerizer.js';

interface Config {
  /** Whose containers it takes: those of type MESOS (or none), or those of type DOCKER. */
  readonly name: 'mesos' | 'docker';
}

export default definePlugin<Config>({
  // The agent asks for what is contributed here; `activate` has run by then.
  configure(bind, { name }) {
    bind.contribute(CONTAINERIZER, {
      useFactory: (resolve) => new PlainContainerizer(name, join(resolve(CLUSTER).stateDir, 'containers')),
    });
  },
  activate() {
    if (!existsSync('/proc/self/stat')) throw skipped('it needs the /proc of Linux');
  },
});
