// A process of its own, started as a user without powers: keeps the laws of containerizers with the mesos one, and prints what broke.
import { join } from 'node:path';
import { containerizerSuite } from '../../sdk/testing/containerizer-suite.js';
import { exploreMachine } from '../../plugins/containerizer-mesos/shell/machine.js';
import { MesosContainerizer } from '../../plugins/containerizer-mesos/shell/mesos-containerizer.js';

const options = { namespaces: process.argv[2] === 'namespaces', cgroups: true };

const laws = containerizerSuite({
  capabilities: { cgroups: 'none', nesting: true, streams: 'tty' },
  async create(home) {
    const containerizer = new MesosContainerizer({ ...options, runtimeDir: join(home, 'run'), cfs: false });
    await containerizer.start();
    return containerizer;
  },
});

const broken: string[] = [];
const kept = laws.filter((law) => law.skip === undefined);
for (const law of kept)
  await law
    .run()
    .catch((error: unknown) => broken.push(`${law.title}: ${error instanceof Error ? error.stack : error}`));
const { mode, notes } = await exploreMachine(options);
console.log(JSON.stringify({ uid: process.getuid?.(), mode, notes, kept: kept.length - broken.length, broken }));
process.exit(0);
