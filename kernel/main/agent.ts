#!/usr/bin/env node
import { mkdirSync, realpathSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import type { Containerizer } from '@mezzo/sdk/points/containerizer';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';
import type Koa from 'koa';
import { LockFile } from '@mezzo/sdk/runtime';
import type { AgentState } from '../core/agent/state.js';
import { ExecutorHub } from '../http/agent/executor-api.js';
import { SandboxFiles } from '../http/agent/sandbox-files.js';
import type { Gate } from '../http/auth/gate.js';
import { SessionHub } from '../http/agent/sessions.js';
import { agentHttp } from '../http/agent/server.js';
import { assertMayListen, listen, type Listening } from '../http/listen.js';
import { AgentHost } from '../shell/agent/agent-host.js';
import { MasterDetector } from '../shell/agent/master-detector.js';
import { JournalCheckpointStore } from '../shell/agent/checkpoint-store.js';
import { Fetcher } from '../shell/agent/fetcher.js';
import { readHostFacts } from '../shell/agent/host-facts.js';
import { Oversubscription } from '../shell/agent/oversubscription.js';
import { SandboxGc } from '../shell/agent/sandbox-gc.js';
import { systemClock, systemRandom } from '../shell/clock.js';
import { ZookeeperCoordination } from '../shell/coordination/zookeeper.js';
import { clusterKey } from '@mezzo/sdk/secrets';
import { agentAsks, agentGate } from './access.js';
import { AgentPlugins } from './agent-plugins.js';
import { authorizerFor } from './authorizers.js';
import { agentConfig } from './agent-config.js';
import { agentFlags, idleAgentFlags, unsupportedAgentFlags, type AgentFlags } from './agent-flags.js';
import { loadConfig } from './config.js';
import { flagHelp, showFlags } from './flags.js';
import { complain, createLog, type DaemonLog } from './log.js';
import { requireFlag } from './master-flags.js';
import { builtIns, oversubscribe, type Oversubscribers, type WantedOversubscribers } from './modules.js';
import { EXIT_RESTART, isStartedAgain } from './restart.js';
import { ServiceManager } from './service-manager.js';
import { idleGiven, withDiscoveredIp } from './shared-flags.js';
import { DaemonTls, hostsOf } from './tls.js';
import { versionInfo } from './version.js';

const DEFAULT_PORT = 5051;

/** What is there before the containerizers: enough to load the plugins that bring them. */
export interface AgentSeam {
  readonly flags: AgentFlags;
  readonly log: DaemonLog;
  readonly workDir: string;
  readonly secretsDir: string;
  /** http://ADDRESS:PORT, as others on this machine reach it. */
  readonly url: string;
  readonly port: number;
  readonly tls: DaemonTls | undefined;
  readonly detector: MasterDetector;
}

/** An agent that serves. */
export interface AgentDaemon extends AgentSeam {
  readonly host: AgentHost;
  readonly state: AgentState;
  readonly gate: Gate;
  readonly authorizer: Authorizer | undefined;
  /** Mount routers here: what they answer comes before a 404. */
  readonly app: Koa;
  /** With what plugins bring beside what is built in; answers the names of those whom nobody has brought. */
  oversubscribe(brought: Oversubscribers): WantedOversubscribers;
  /** Ends all tasks, unregisters, and exits by way of `onExit`. */
  leave(): void;
  /** Stops serving. Tasks run on; the next agent with this work directory takes them back. */
  close(): Promise<void>;
}

export interface AgentParts {
  /** What runs containers, or how to get it once the agent listens. */
  readonly containerizers:
    readonly Containerizer[] | ((seam: AgentSeam) => readonly Containerizer[] | Promise<readonly Containerizer[]>);
  readonly log?: DaemonLog;
  /** Awaited between the two when the agent ends on its own. */
  readonly beforeExit?: () => Promise<void>;
  /** The agent is done or cannot go on; the daemon is closed already. Default: ends the process. */
  readonly onExit?: (code: number, reason: string) => void;
}

/**
 * Starts an agent; it registers in the background for as long as it takes. Rejects with PORT_TAKEN, INSECURE_ADDRESS,
 * STORE_LOCKED (the work directory has an agent) and the like; nothing stays open then.
 */
export async function startAgent(given: AgentFlags, parts: AgentParts): Promise<AgentDaemon> {
  const flags = withDiscoveredIp(given);
  const master = requireFlag('master', flags.master);
  const workDir = workDirectory(requireFlag('work_dir', flags.work_dir));
  assertMayListen(flags.ip, { tls: flags.tls, credentials: agentAsks(flags), insecure: flags.insecure });
  const secretsDir = flags.secrets_dir ?? join(workDir, 'secrets');
  const log =
    parts.log ?? createLog({ daemon: 'agent', level: flags.logging_level, dir: flags.log_dir, quiet: flags.quiet });
  for (const name of idleGiven(idleAgentFlags, flags)) log.warn(`flag --${name} has no effect here`);
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const lock = await LockFile.acquire(join(workDir, 'agent.lock'));
    opened.push(() => lock.release());
    const tls = DaemonTls.of(flags, { secretsDir, name: 'agent', hosts: hostsOf(flags), log });
    opened.push(() => Promise.resolve(tls?.close()));
    const listening = await listen(flags.ip, flags.port ?? DEFAULT_PORT + flags.port_offset, tls?.listenOptions);
    opened.push(() => listening.close());
    tls?.onRenewal((identity) => listening.renew(identity));
    const url = urlOf(flags, listening);
    const { port } = listening;
    const detector = new MasterDetector(
      typeof master === 'string' ? master : await ZookeeperCoordination.open(master, flags.zk_session_timeout, log),
    );
    opened.push(() => detector.close());
    const seam: AgentSeam = { detector, flags, log, workDir, secretsDir, tls, url, port };
    const containerizers = await chosenContainerizers(seam, parts);
    const facts = readHostFacts(workDir);
    const config = agentConfig(flags, { workDir, port, facts, containerizers: containerizers.map(({ name }) => name) });
    const executors = new ExecutorHub(systemRandom);
    const sessions = new SessionHub();
    const key = clusterKey(seam.secretsDir);
    const executorKey = flags.jwt_secret_key ?? key;
    const authorizer = authorizerFor({ authorizers: flags.authorizer, acls: flags.acls });
    const gate = agentGate(flags, key, executorKey, authorizer);
    const host = new AgentHost({
      config,
      bootId: facts.bootId,
      recover: flags.recover,
      strict: flags.strict,
      master: {
        master: detector,
        tokenFile: flags.join_token_file ?? join(workDir, 'join.token'),
        tls: tls && (() => tls.client),
      },
      containerizers,
      checkpoints: new JournalCheckpointStore(join(workDir, 'meta'), log),
      fetcher: new Fetcher({
        maxBytes: flags.fetcher_max_size * 1024 * 1024,
        stallTimeoutMs: flags.fetcher_stall_timeout,
      }),
      clock: systemClock,
      random: systemRandom,
      log,
      executors,
      sessions,
      ...(flags.authenticate_http_executors && { executorKey }),
      executorCa: tls && (() => tls.client.ca ?? ''),
      onExit: (code, reason) =>
        void closeAll()
          .then(() => parts.beforeExit?.())
          .finally(() => (parts.onExit ?? exitProcess(log))(code, reason)),
    });
    opened.push(() => host.stop());
    opened.push(() => Promise.resolve(executors.closeAll()));
    const gc = new SandboxGc(
      {
        workDir,
        gcDelayMs: flags.gc_delay,
        headroom: flags.gc_disk_headroom,
        intervalMs: flags.disk_watch_interval,
      },
      systemClock,
      log,
      (containerId) => host.state.runs.has(containerId),
    );
    opened.push(() => gc.stop());
    const oversubscription = new Oversubscription({
      ...{ host, log, clock: systemClock },
      estimateMs: flags.oversubscribed_resources_interval,
      correctMs: flags.qos_correction_interval_min,
    });
    opened.push(() => Promise.resolve(oversubscription.stop()));
    const { listener, app } = agentHttp({
      host,
      executors,
      sessions,
      gate,
      authorizer,
      gc,
      files: sandboxFiles(host, flags.external_log_file ?? log.file),
      flags: showFlags(agentFlags, flags),
      version: versionInfo(),
      log,
      logDir: flags.log_dir,
      externalLogFile: flags.external_log_file,
      startedAtMs: Date.now(),
      masterHostname: () => detector.leader?.hostname,
      disabledPaths: flags.firewall_rules?.disabledPaths,
    });
    listening.serve(listener);
    await host.start();
    gc.start();
    const wanted = oversubscribe(oversubscription, flags, builtIns(flags.modules));
    log.info('agent is serving', { url, owner: config.owner, containerizers: config.containerizers });
    return {
      ...seam,
      host,
      state: host.state,
      gate,
      authorizer,
      app,
      oversubscribe: (brought) => oversubscribe(oversubscription, wanted, brought),
      leave: () => host.dispatch({ type: 'leaveRequested' }),
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function chosenContainerizers(seam: AgentSeam, parts: AgentParts): Promise<readonly Containerizer[]> {
  const { containerizers: given } = parts;
  const all = typeof given === 'function' ? await given(seam) : given;
  const wanted = seam.flags.containerizers?.split(',').map((name) => name.trim());
  for (const name of wanted ?? [])
    if (!all.some((one) => one.name === name)) seam.log.warn(`no plugin brings the containerizer ${name}`);
  const chosen = all.filter((one) => wanted?.includes(one.name) ?? true);
  if (chosen.length === 0) seam.log.error('there is no containerizer: every task will fail');
  return chosen;
}

function sandboxFiles(host: AgentHost, logFile: string | undefined): SandboxFiles {
  const { state } = host;
  const files = new SandboxFiles(
    state.config.workDir,
    () => state.agentId,
    () => state.runs.values(),
  );
  if (logFile !== undefined) files.attach('/slave/log', logFile);
  return files;
}

const urlOf = ({ ip, tls }: AgentFlags, { port }: Listening): string =>
  `${tls ? 'https' : 'http'}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

/** Paths in answers, checkpoints and environments are absolute and have no links in them. */
function workDirectory(path: string): string {
  const absolute = isAbsolute(path) ? path : resolve(path);
  try {
    mkdirSync(absolute, { recursive: true, mode: 0o755 });
    return realpathSync(absolute);
  } catch (cause) {
    throw new MezzoError('INVALID_FLAG', `flag --work_dir: cannot use ${absolute}: ${messageOf(cause)}`, {
      blame: 'operator',
      next: 'name a directory that this user may write to',
      cause,
    });
  }
}

function exitProcess(log: DaemonLog): (code: number, reason: string) => void {
  return (code, reason) => {
    log[code === 0 ? 'info' : 'error']('agent is done', { reason });
    if (code !== 0) process.stderr.write(`${reason}\n`);
    process.exit(code);
  };
}

async function main(): Promise<void> {
  const flags = loadConfig(agentFlags, unsupportedAgentFlags);
  if (flags.help) return void process.stdout.write(`Usage: mezzo agent [flags]\n\n${flagHelp(agentFlags)}\n`);
  if (flags.version) return void process.stdout.write(`${versionInfo().mezzo}\n`);
  const systemd = new ServiceManager();
  let restart = (): void => process.exit(EXIT_RESTART);
  const plugins = new AgentPlugins(isStartedAgain(systemd) ? () => restart() : undefined);
  const daemon = await startAgent(flags, {
    containerizers: plugins.containerizers,
    beforeExit: () => plugins.shutdown({ keepPlugins: false }),
  });
  plugins.serve(daemon);
  systemd.watch(daemon.log);
  systemd.tell('READY=1');
  let isStopping = false;
  const stop = (why: string, code = 0): void => {
    if (isStopping) return;
    isStopping = true;
    daemon.log.info('agent is stopping; tasks run on', { signal: why });
    systemd.tell('STOPPING=1');
    const stopped = daemon.close().then(() => plugins.shutdown({ keepPlugins: true }));
    void stopped.then(
      () => process.exit(code),
      () => process.exit(1),
    );
  };
  restart = () => stop('its plugins have changed: it is started again', EXIT_RESTART);
  process.on('SIGTERM', () => stop('SIGTERM')).on('SIGINT', () => stop('SIGINT'));
  process.on('SIGUSR1', () => daemon.leave());
  process.on('SIGHUP', () => daemon.tls?.reload());
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    complain(error);
    process.exit(1);
  });
}
