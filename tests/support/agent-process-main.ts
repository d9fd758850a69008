// A process of its own with an agent and its containerizers, to be killed. Says where it serves.
import 'reflect-metadata';
import { join } from 'node:path';
import { agentFlags } from '../../kernel/main/agent-flags.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { DockerContainerizer } from '../../plugins/containerizer-docker/shell/docker-containerizer.js';
import { MesosContainerizer } from '../../plugins/containerizer-mesos/shell/mesos-containerizer.js';

const [parts = '{}', ...argv] = process.argv.splice(1).slice(1);
const { cgroups = true, docker } = JSON.parse(parts) as { cgroups?: boolean; docker?: string };
// In one file with it, the daemon would take itself for the program that was started.
const { startAgent } = await import('../../kernel/main/agent.js');
const daemon = await startAgent(loadFlags(agentFlags, { argv, env: {} }), {
  containerizers: async ({ workDir, log }) => {
    const options = { namespaces: true, cgroups, cfs: false, log };
    const mesos = new MesosContainerizer({ ...options, runtimeDir: join(workDir, 'run') });
    await mesos.start();
    if (docker === undefined) return [mesos];
    const places = { socket: docker, stateDir: join(workDir, 'docker') };
    const other = new DockerContainerizer({ ...places, pullTimeoutMs: 10_000, log, onTrouble: () => {} });
    await other.start();
    return [mesos, other];
  },
});
process.on('SIGUSR1', () => daemon.leave());
console.log(`serves ${daemon.port}`);
