#!/usr/bin/env node
import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MasterInfo } from '@mezzo/sdk/api';
import { asId, hasCode, messageOf, type MasterId } from '@mezzo/sdk/contract';
import type Koa from 'koa';
import { createMasterState, type MasterOptions } from '../core/master/index.js';
import type { Gate } from '../http/auth/gate.js';
import { agentTokenReader } from '../http/auth/token-cache.js';
import { RateLimiter } from '../http/auth/rate-limits.js';
import { FileTree } from '../http/files.js';
import { assertMayListen, isLoopback, listen, packedIp, type Listening } from '../http/listen.js';
import { masterHttp } from '../http/master/server.js';
import { Written } from '../http/written.js';
import type { Store } from '../ports/store.js';
import { systemClock, systemRandom } from '../shell/clock.js';
import { EmbeddedCoordination } from '../shell/coordination/embedded.js';
import { WhitelistFile } from '../shell/master/whitelist-file.js';
import { MasterShell } from '../shell/master/master-shell.js';
import { clusterKey } from '@mezzo/sdk/secrets';
import { LevelStore } from '../shell/store/level-store.js';
import { MemoryStore } from '../shell/store/memory-store.js';
import { masterAsks, masterGate } from './access.js';
import { authorizerFor } from './authorizers.js';
import { loadConfig } from './config.js';
import { flagHelp, showFlags } from './flags.js';
import { createLog, type DaemonLog } from './log.js';
import { startMasterPlugins } from './master-plugins.js';
import { idleMasterFlags, masterFlags, requireFlag, unsupportedMasterFlags, type MasterFlags } from './master-flags.js';
import { idleGiven, withDiscoveredIp } from './shared-flags.js';
import { DaemonTls, hostsOf } from './tls.js';
import { MESOS_VERSION, versionInfo } from './version.js';

/** A master that serves, with the seams that a plugin host needs. */
export interface MasterDaemon {
  readonly flags: MasterFlags;
  readonly log: DaemonLog;
  readonly workDir: string;
  readonly secretsDir: string;
  /** http://ADDRESS:PORT, as others on this machine reach it. */
  readonly url: string;
  readonly port: number;
  readonly masterId: MasterId;
  readonly epoch: number;
  readonly clusterKey: Uint8Array;
  readonly store: Store;
  readonly shell: MasterShell;
  readonly files: FileTree;
  readonly gate: Gate;
  readonly tls: DaemonTls | undefined;
  /** Mount routers here: what they answer comes before a 404. */
  readonly app: Koa;
  /** Stops in order: streams, listener, store. Tasks and agents run on. */
  close(): Promise<void>;
}

export interface MasterParts {
  readonly log?: DaemonLog;
  /** Called when this master must not go on. Default: ends the process with code 1. */
  readonly onFatal?: (error: unknown) => void;
}

/** Starts a master. Rejects with PORT_TAKEN, INSECURE_ADDRESS, STORE_LOCKED and the like; nothing stays open then. */
export async function startMaster(given: MasterFlags, parts: MasterParts = {}): Promise<MasterDaemon> {
  const flags = withDiscoveredIp(given);
  const workDir = requireFlag('work_dir', flags.work_dir);
  assertMayListen(flags.ip, { tls: flags.tls, credentials: masterAsks(flags), insecure: flags.insecure });
  const secretsDir = flags.secrets_dir ?? join(workDir, 'secrets');
  const log =
    parts.log ?? createLog({ daemon: 'master', level: flags.logging_level, dir: flags.log_dir, quiet: flags.quiet });
  for (const name of idleGiven(idleMasterFlags, flags)) log.warn(`flag --${name} has no effect here`);
  const tls = DaemonTls.of(flags, { secretsDir, name: 'master', hosts: hostsOf(flags), log });
  const listening = await listen(flags.ip, flags.port, tls?.listenOptions).catch((error: unknown) => {
    tls?.close();
    throw error;
  });
  tls?.onRenewal((identity) => listening.renew(identity));
  const opened: (() => Promise<void>)[] = [() => listening.close(), () => Promise.resolve(tls?.close())];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const masterId = asId<MasterId>(randomUUID());
    const info = masterInfo(flags, masterId, listening.port);
    const coordination = new EmbeddedCoordination(workDir);
    opened.push(() => coordination.close());
    await coordination.contend(info);
    const store = flags.registry === 'in_memory' ? new MemoryStore() : await LevelStore.open(join(workDir, 'store'));
    opened.push(() => store.close());
    const whitelist = flags.whitelist === undefined ? undefined : new WhitelistFile(flags.whitelist, log);
    const authorizer = authorizerFor(flags);
    const options = { ...masterOptions(flags, info, await store.startEpoch()), authorizer };
    const shell = new MasterShell({
      state: createMasterState(options),
      store,
      clock: systemClock,
      random: systemRandom,
      log,
      onFatal: parts.onFatal ?? ((error) => die(log, error)),
    });
    opened.push(() => Promise.resolve(shell.stop()));
    const key = clusterKey(secretsDir);
    const limiter = flags.rate_limits && new RateLimiter(flags.rate_limits.value);
    const gate = masterGate(flags, key, authorizer, limiter);
    const files = logFiles(flags, log);
    const site = {
      shell,
      clusterKey: key,
      agentTokens: agentTokenReader(key),
      written: new Written(),
      gate,
      limiter,
      clusterName: flags.cluster,
      flags: showFlags(masterFlags, flags),
      version: versionInfo(),
      files,
      log,
      logDir: flags.log_dir,
      externalLogFile: flags.external_log_file,
      disabledPaths: flags.firewall_rules?.disabledPaths,
    };
    const { listener, app } = masterHttp(site);
    shell.start();
    if (whitelist) {
      const unfollow = whitelist.follow((hosts) => shell.offerOnly(hosts));
      opened.push(() => Promise.resolve(unfollow()));
    }
    listening.serve(listener);
    const url = urlOf(flags, listening);
    log.info('master is serving', { url, masterId, epoch: options.epoch });
    const { epoch } = options;
    const { port } = listening;
    return {
      flags,
      log,
      workDir,
      secretsDir,
      url,
      port,
      masterId,
      epoch,
      clusterKey: key,
      store,
      shell,
      files,
      gate,
      tls,
      app,
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

const urlOf = ({ ip, tls }: MasterFlags, { port }: Listening): string =>
  `${tls ? 'https' : 'http'}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

function masterInfo(flags: MasterFlags, masterId: MasterId, listenPort: number): MasterInfo {
  const ip = flags.advertise_ip ?? flags.ip;
  const port = flags.advertise_port || listenPort;
  const own = isLoopback(ip) ? 'localhost' : flags.hostname_lookup ? hostname() : ip;
  const name = flags.hostname ?? own;
  return {
    id: masterId,
    ip: packedIp(ip),
    port,
    pid: `master@${ip}:${port}`,
    hostname: name,
    version: MESOS_VERSION,
    address: { hostname: name, ip, port },
    capabilities: [{ type: 'AGENT_UPDATE' }, { type: 'AGENT_DRAINING' }, { type: 'QUOTA_V2' }],
    ...(flags.domain && { domain: flags.domain }),
  };
}

const masterOptions = (flags: MasterFlags, info: MasterInfo, epoch: number): MasterOptions => ({
  masterId: asId<MasterId>(info.id),
  info,
  epoch,
  agentPingIntervalMs: flags.agent_ping_timeout,
  maxAgentPingTimeouts: flags.max_agent_ping_timeouts,
  agentReregisterTimeoutMs: flags.agent_reregister_timeout,
  agentRemovalIntervalMs: flags.agent_removal_rate_limit?.intervalMs ?? 0,
  recoveryAgentRemovalLimit: flags.recovery_agent_removal_limit,
  offerTimeoutMs: flags.offer_timeout,
  allocationIntervalMs: flags.allocation_interval,
  minAllocatableResources: flags.min_allocatable_resources,
  roles: flags.roles,
  weights: flags.weights,
  allocatorAgentRecoveryFactor: flags.allocator_agent_recovery_factor,
  allocatorRecoveryTimeoutMs: flags.allocator_recovery_timeout,
  filterGpuResources: flags.filter_gpu_resources,
  nestedQuota: flags.nested_quota,
  placeRequests: flags.place_requests || flags.preemption,
  preemption: flags.preemption,
  fairSharingExcluded: flags.fair_sharing_excluded_resource_names,
  randomOrder: { roles: flags.role_sorter === 'random', frameworks: flags.framework_sorter === 'random' },
  registryMaxAgentAgeMs: flags.registry_max_agent_age,
  registryGcIntervalMs: flags.registry_gc_interval,
  registryMaxAgentCount: flags.registry_max_agent_count,
  requireAgentDomain: flags.require_agent_domain,
  publishFrameworkMetrics: flags.publish_per_framework_metrics,
  rootSubmissions: flags.root_submissions,
  maxCompletedFrameworks: flags.max_completed_frameworks,
  maxCompletedTasksPerFramework: flags.max_completed_tasks_per_framework,
  maxUnreachableTasksPerFramework: flags.max_unreachable_tasks_per_framework,
  maxOperatorSubscribers: flags.max_operator_event_stream_subscribers,
});

function logFiles(flags: MasterFlags, log: DaemonLog): FileTree {
  const files = new FileTree();
  const file = flags.external_log_file ?? log.file;
  if (file !== undefined) files.attach('/master/log', file);
  return files;
}

function die(log: DaemonLog, error: unknown): void {
  const why = hasCode(error, 'STORE_FENCED') ? 'another master has taken over' : 'the master cannot go on';
  log.error(why, { error: error instanceof Error ? error.stack : messageOf(error) });
  process.exit(1);
}

/** One clear line, and what to do. */
export function complain(error: unknown): void {
  const { code, next } = error as { code?: string; next?: string };
  process.stderr.write(`${code ?? 'FAILED'}: ${messageOf(error)}${next === undefined ? '' : ` (${next})`}\n`);
}

async function main(): Promise<void> {
  const flags = loadConfig(masterFlags, unsupportedMasterFlags);
  if (flags.help) return void process.stdout.write(`Usage: mezzo master [flags]\n\n${flagHelp(masterFlags)}\n`);
  if (flags.version) return void process.stdout.write(`${versionInfo().mezzo}\n`);
  const daemon = await startMaster(flags);
  const plugins = await startMasterPlugins(daemon);
  const stop = (signal: string): void => {
    daemon.log.info('master is stopping; plugins in processes of their own run on', { signal });
    const stopped = plugins.shutdown({ keepPlugins: true }).then(() => daemon.close());
    void stopped.then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  process.on('SIGHUP', () => daemon.tls?.reload());
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    complain(error);
    process.exit(1);
  });
}
