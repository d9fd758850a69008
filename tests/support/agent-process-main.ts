// A process of its own with an agent and its mesos containerizer, to be killed. Says where it serves.
import 'reflect-metadata';
import { join } from 'node:path';
import { agentFlags } from '../../kernel/main/agent-flags.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { MesosContainerizer } from '../../plugins/containerizer-mesos/shell/mesos-containerizer.js';

const [cgroups, ...argv] = process.argv.splice(1).slice(1);
// In one file with it, the daemon would take itself for the program that was started.
const { startAgent } = await import('../../kernel/main/agent.js');
const daemon = await startAgent(loadFlags(agentFlags, { argv, env: {} }), {
  containerizers: async ({ workDir }) => {
    const options = { namespaces: true, cgroups: cgroups === 'yes', cfs: false };
    const containerizer = new MesosContainerizer({ ...options, runtimeDir: join(workDir, 'run') });
    await containerizer.start();
    return [containerizer];
  },
});
process.on('SIGUSR1', () => daemon.leave());
console.log(`serves ${daemon.port}`);
