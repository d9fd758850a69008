import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { CertificateAuthority, keepJoinToken } from '@mezzo/sdk/secrets';
import { type ClusterFile, type WorkDir, writeJson } from '../lib/workdir.js';
import type { DaemonSpec } from './daemon.js';
import { bundledRegistry, executable } from './kernel.js';
import { PORTS, type UpOptions, type UpPlan } from './plan.js';

export interface SetupOptions extends UpOptions {
  readonly clusterName: string;
  /** The kernel's daemons speak HTTPS, with certificates of the cluster's own authority. */
  readonly tls: boolean;
}

/** Agents of one machine get loopback addresses of their own, so that constraints on the host name mean something. */
const agentIp = (index: number): string => `127.0.0.${1 + (index % 250)}`;

/** Makes the directories, the key, the join token and cluster.json; keeps what an earlier start made. */
export async function setUpCluster(workDir: WorkDir, plan: UpPlan, options: SetupOptions): Promise<ClusterFile> {
  for (const dir of ['store', 'run', 'logs', 'plugins', 'agents'])
    mkdirSync(workDir.at(dir), { recursive: true, mode: 0o700 });
  if (workDir.cluster === undefined && process.getuid?.() === 0) letUsersPass(workDir.path, workDir.at('agents'));
  await keepJoinToken(workDir.secrets);
  if (options.tls) CertificateAuthority.of(workDir.secrets);
  const cluster: ClusterFile = {
    clusterId: workDir.cluster?.clusterId ?? randomUUID(),
    clusterName: options.clusterName,
    masterUrl: `${options.tls ? 'https' : 'http'}://127.0.0.1:${plan.masterPort}`,
    routerUrl: `http://127.0.0.1:${PORTS.router + options.portOffset}`,
    agents: options.agents,
    portOffset: options.portOffset,
  };
  writeJson(workDir.at('cluster.json'), cluster);
  return cluster;
}

/** As root, tasks run as users of their own, who reach their sandbox by its path: they may pass, and list nothing. */
function letUsersPass(...dirs: string[]): void {
  for (const dir of dirs) chmodSync(dir, statSync(dir).mode | 0o011);
}

/** The daemon writes and rotates its own log, which its files API shows; what is left for its output are last words. */
const logFlags = (workDir: WorkDir, name: string): string[] => [`--log-dir=${workDir.at('logs', name)}`, '--quiet'];

export function daemonSpecs(workDir: WorkDir, plan: UpPlan, cluster: ClusterFile): DaemonSpec[] {
  const common = [
    `--secrets-dir=${workDir.secrets}`,
    `--plugins-registry=${bundledRegistry()}`,
    `--port-offset=${cluster.portOffset}`,
    `--cluster-id=${cluster.clusterId}`,
    ...(cluster.masterUrl.startsWith('https:') ? ['--tls'] : []),
  ];
  const master: DaemonSpec = {
    name: 'master',
    role: 'master',
    address: `127.0.0.1:${plan.masterPort}`,
    args: [
      executable('master'),
      `--work-dir=${workDir.path}`,
      `--cluster=${cluster.clusterName}`,
      '--ip=127.0.0.1',
      '--hostname=127.0.0.1',
      `--port=${plan.masterPort}`,
      ...logFlags(workDir, 'master'),
      ...common,
    ],
  };
  const agents = plan.agents.map(({ name, port, resources, attributes }, i): DaemonSpec => ({
    name,
    role: 'agent',
    address: `${agentIp(i)}:${port}`,
    args: [
      executable('agent'),
      `--work-dir=${workDir.at('agents', String(i))}`,
      `--master=${master.address}`,
      `--ip=${agentIp(i)}`,
      `--hostname=${agentIp(i)}`,
      `--port=${port}`,
      ...logFlags(workDir, name),
      `--resources=${resources}`,
      `--attributes=${attributes}`,
      `--join-token-file=${workDir.at('secrets', 'join.token')}`,
      ...common,
    ],
  }));
  return [master, ...agents];
}
