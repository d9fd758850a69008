import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { CertificateAuthority, keepJoinToken, writeSecret } from '@mezzo/sdk/secrets';
import { type ClusterFile, type WorkDir, writeJson } from '../lib/workdir.js';
import type { DaemonSpec } from './daemon.js';
import { bundledRegistry, executable } from './kernel.js';
import { type MasterPlan, PORTS, type UpPlan } from './plan.js';
import type { Shape } from './shape.js';

/** Agents of one machine get loopback addresses of their own, so that constraints on the host name mean something. */
const agentIp = (index: number): string => `127.0.0.${1 + (index % 250)}`;

/** Makes the directories, the key, the join token and cluster.json; keeps what an earlier start made. */
export async function setUpCluster(workDir: WorkDir, plan: UpPlan, options: Shape): Promise<ClusterFile> {
  for (const dir of ['store', 'run', 'logs', 'plugins', 'agents'])
    mkdirSync(workDir.at(dir), { recursive: true, mode: 0o700 });
  if (workDir.cluster === undefined && process.getuid?.() === 0) letUsersPass(workDir.path, workDir.at('agents'));
  await keepJoinToken(workDir.secrets);
  if (options.tls) CertificateAuthority.of(workDir.secrets);
  if (plan.masters.length > 1) keepEnsemble(workDir, plan);
  const urls = plan.masters.map(({ port }) => `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`);
  const cluster: ClusterFile = {
    clusterId: workDir.cluster?.clusterId ?? randomUUID(),
    clusterName: options.clusterName,
    masterUrl: urls[0]!,
    ...(urls.length > 1 && { masterUrls: urls }),
    routerUrl: `http://127.0.0.1:${PORTS.router + options.portOffset}`,
    agents: options.agents,
    portOffset: options.portOffset,
  };
  writeJson(workDir.at('cluster.json'), cluster);
  return cluster;
}

/** Of the credentials that only masters have. */
export const zkFile = (workDir: WorkDir): string => workDir.at('secrets', 'zk');

const zkHosts = (plan: UpPlan): string =>
  plan.zookeepers.map(({ host, clientPort }) => `${host}:${clientPort}`).join(',');

const masterDir = (workDir: WorkDir, index: number): string =>
  index === 0 ? workDir.path : workDir.at('masters', String(index));

const pluginConfig = (workDir: WorkDir, index: number): string => workDir.at('masters', `plugins-${index}.json`);

/** The masters' credentials for ZooKeeper, made once, and each one's share of the ensemble. */
function keepEnsemble(workDir: WorkDir, plan: UpPlan): void {
  if (!existsSync(zkFile(workDir)))
    writeSecret(zkFile(workDir), `zk://mezzo:${randomBytes(24).toString('hex')}@${zkHosts(plan)}/mezzo\n`);
  for (const index of plan.masters.keys()) {
    mkdirSync(masterDir(workDir, index), { recursive: true, mode: 0o700 });
    writeJson(pluginConfig(workDir, index), { ensemble: { myId: index + 1, members: plan.zookeepers } });
  }
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
    `--cluster-id=${cluster.clusterId}`,
    ...(cluster.masterUrl.startsWith('https:') ? ['--tls'] : []),
  ];
  const several = plan.masters.length > 1;
  const masters = plan.masters.map(({ name, port, portOffset }: MasterPlan, i): DaemonSpec => ({
    name,
    role: 'master',
    address: `127.0.0.1:${port}`,
    args: [
      executable('master'),
      `--work-dir=${masterDir(workDir, i)}`,
      `--cluster=${cluster.clusterName}`,
      '--ip=127.0.0.1',
      '--hostname=127.0.0.1',
      `--port=${port}`,
      `--port-offset=${portOffset}`,
      ...(several ? [`--zk=file://${zkFile(workDir)}`, `--plugin-config=${pluginConfig(workDir, i)}`] : []),
      ...logFlags(workDir, name),
      ...common,
    ],
  }));
  const leader = several ? `zk://${zkHosts(plan)}/mezzo` : masters[0]!.address;
  const agents = plan.agents.map(({ name, port, resources, attributes }, i): DaemonSpec => ({
    name,
    role: 'agent',
    address: `${agentIp(i)}:${port}`,
    args: [
      executable('agent'),
      `--work-dir=${workDir.at('agents', String(i))}`,
      `--master=${leader}`,
      `--ip=${agentIp(i)}`,
      `--hostname=${agentIp(i)}`,
      `--port=${port}`,
      `--port-offset=${cluster.portOffset}`,
      ...logFlags(workDir, name),
      `--resources=${resources}`,
      `--attributes=${attributes}`,
      `--join-token-file=${workDir.at('secrets', 'join.token')}`,
      ...common,
    ],
  }));
  return [...masters, ...agents];
}
