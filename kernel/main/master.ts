#!/usr/bin/env node
import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MasterInfo } from '@mezzo/sdk/api';
import { asId, hasCode, messageOf, MezzoError, type MasterId } from '@mezzo/sdk/contract';
import type Koa from 'koa';
import type { Store } from '@mezzo/sdk/points/store-driver';
import { createMasterState, masterMachine } from '../core/master/index.js';
import type { Gate } from '../http/auth/gate.js';
import { agentTokenReader } from '../http/auth/token-cache.js';
import { RateLimiter } from '../http/auth/rate-limits.js';
import { FileTree } from '../http/files.js';
import { assertMayListen, listen, type Listening } from '../http/listen.js';
import { StandbyCopies } from '../http/master/standby-copies.js';
import { masterHttp } from '../http/master/server.js';
import { Written } from '../http/written.js';
import { systemClock, systemRandom } from '../shell/clock.js';
import { Recorder } from '../shell/master/recorder.js';
import { WhitelistFile } from '../shell/master/whitelist-file.js';
import { MasterShell } from '../shell/master/master-shell.js';
import { clusterKey, keepJoinToken } from '@mezzo/sdk/secrets';
import { masterAsks, masterGate } from './access.js';
import { authorizerFor } from './authorizers.js';
import { loadConfig } from './config.js';
import { flagHelp, showFlags } from './flags.js';
import { Election } from './election.js';
import { complain, createLog, type DaemonLog } from './log.js';
import { mount, PLUGIN_API } from './mount.js';
import { followPlugins, leaderStore, leadMasterPlugins, type MasterPlugins } from './master-plugins.js';
import { idleMasterFlags, masterFlags, requireFlag, unsupportedMasterFlags, type MasterFlags } from './master-flags.js';
import { masterInfo, masterOptions } from './master-options.js';
import { EXIT_RESTART, isStartedAgain } from './restart.js';
import { ServiceManager } from './service-manager.js';
import { idleGiven, withDiscoveredIp } from './shared-flags.js';
import { DaemonTls, hostsOf } from './tls.js';
import { versionInfo } from './version.js';

/** A master that serves, and does not lead yet. */
export interface StandbyMaster {
  readonly flags: MasterFlags;
  readonly log: DaemonLog;
  readonly workDir: string;
  readonly secretsDir: string;
  /** http://ADDRESS:PORT, as others on this machine reach it. */
  readonly url: string;
  readonly port: number;
  readonly masterId: MasterId;
  readonly clusterKey: Uint8Array;
  readonly shell: MasterShell;
  readonly files: FileTree;
  readonly gate: Gate;
  readonly tls: DaemonTls | undefined;
  /** Who leads, as far as it is known here. */
  readonly leader: () => MasterInfo | undefined;
  /** To be told what answers at `/plugins/v1`, once it leads. */
  readonly mountPlugins: (api: Koa) => void;
  /** Once it is elected, which may be never. Rejects when it cannot take up its office. */
  readonly leading: Promise<MasterDaemon>;
  /** Stops in order: leadership, streams, listener, store. Tasks and agents run on. */
  close(): Promise<void>;
}

/** A master that leads, with the seams that a plugin host needs. */
export interface MasterDaemon extends Omit<StandbyMaster, 'leading'> {
  readonly epoch: number;
  readonly store: Store;
}

export interface MasterParts {
  readonly log?: DaemonLog;
  /** Called when this master must not go on. Default: ends the process with code 1. */
  readonly onFatal?: (error: unknown) => void;
}

/** Starts a master and waits until it leads: at once where it is the only one. Rejects as `standBy` does. */
export async function startMaster(given: MasterFlags, parts: MasterParts = {}): Promise<MasterDaemon> {
  const standby = await standBy(given, parts);
  try {
    return await standby.leading;
  } catch (error) {
    await standby.close();
    throw error;
  }
}

/**
 * Starts a master that serves at once and leads when it is elected. Rejects with PORT_TAKEN, INSECURE_ADDRESS, STORE_LOCKED and
 * the like; nothing stays open then.
 */
export async function standBy(given: MasterFlags, parts: MasterParts = {}): Promise<StandbyMaster> {
  const flags = withDiscoveredIp(given);
  const workDir = requireFlag('work_dir', flags.work_dir);
  assertMayListen(flags.ip, { tls: flags.tls, credentials: masterAsks(flags), insecure: flags.insecure });
  const secretsDir = flags.secrets_dir ?? join(workDir, 'secrets');
  const log =
    parts.log ?? createLog({ daemon: 'master', level: flags.logging_level, dir: flags.log_dir, quiet: flags.quiet });
  for (const name of idleGiven(idleMasterFlags, flags)) log.warn(`flag --${name} has no effect here`);
  const startedAtMs = Date.now();
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
    const whitelist = flags.whitelist === undefined ? undefined : new WhitelistFile(flags.whitelist, log);
    const authorizer = authorizerFor(flags);
    const onFatal = parts.onFatal ?? ((error: unknown) => die(log, error));
    const recorder = recorderFor(flags, log);
    const heard = recorder?.listenTo(authorizer) ?? authorizer;
    const shell = new MasterShell({
      state: createMasterState({ ...masterOptions(flags, info), authorizer: heard }),
      ...(recorder && { machine: recorder.record(masterMachine) }),
      clock: systemClock,
      random: systemRandom,
      log,
      onFatal,
    });
    const key = clusterKey(secretsDir);
    await keepJoinToken(secretsDir);
    const limiter = flags.rate_limits && new RateLimiter(flags.rate_limits.value);
    const gate = masterGate(flags, key, authorizer, limiter);
    const files = logFiles(flags, log);
    let leader: MasterInfo | undefined;
    const copies = new StandbyCopies({ leader: () => leader, tls: tls && (() => tls.client) });
    tls?.onRenewal(() => copies.renew());
    opened.push(() => Promise.resolve(copies.close()));
    const site = {
      shell,
      startedAtMs,
      leader: () => leader,
      copies,
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
    const url = urlOf(flags, listening);
    const { port } = listening;
    const election = await Election.open(flags, workDir, log);
    opened.push(() => election.close());
    let opening: Promise<Store> | undefined;
    opened.push(async () => opening?.then((store) => store.close()).catch(() => undefined));
    opened.push(async () => recorder?.close());
    opened.push(() => Promise.resolve(shell.stop()));
    const master = {
      ...{ flags, log, workDir, secretsDir, url, port, masterId, clusterKey: key },
      ...{ shell, files, gate, tls, leader: () => leader, close: closeAll },
      mountPlugins: mount(app, PLUGIN_API),
    };
    const serve = (): void => {
      listening.serve(listener);
      log.info('master is serving', { url, masterId });
    };
    // The only one has nobody to send callers to: whoever finds it healthy finds it leading.
    if (flags.zk !== undefined) serve();
    const lead = async (): Promise<MasterDaemon> => {
      const store = await (opening = election.openStore());
      const epoch = await store.startEpoch();
      shell.lead(store, epoch);
      copies.close();
      if (flags.zk === undefined) serve();
      if (whitelist) {
        const unfollow = whitelist.follow((hosts) => shell.offerOnly(hosts));
        opened.push(() => Promise.resolve(unfollow()));
      }
      return { ...master, store, epoch };
    };
    const leading = new Promise<MasterDaemon>((resolve, reject) => {
      const unwatch = election.watch({
        follow: (other) => (leader = other),
        lead: () => void lead().then(resolve, reject),
        lose: () => {
          shell.stop();
          onFatal(new MezzoError('LEADERSHIP_LOST', 'this master may lead no more', { blame: 'environment' }));
        },
      });
      opened.push(() => Promise.resolve(unwatch()));
    });
    leading.catch(() => undefined);
    await election.contend(info);
    return { ...master, leading };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

const urlOf = ({ ip, tls }: MasterFlags, { port }: Listening): string =>
  `${tls ? 'https' : 'http'}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

function recorderFor({ record, record_size }: MasterFlags, log: DaemonLog): Recorder | undefined {
  if (record === undefined) return undefined;
  return new Recorder({ file: record, maxBytes: record_size * 2 ** 20, mezzo: versionInfo().mezzo, log });
}

function logFiles(flags: MasterFlags, log: DaemonLog): FileTree {
  const files = new FileTree();
  const file = flags.external_log_file ?? log.file;
  if (file !== undefined) files.attach('/master/log', file);
  return files;
}

function die(log: DaemonLog, error: unknown): void {
  const why = hasCode(error, 'STORE_FENCED') ? 'another master has taken over' : 'the master cannot go on';
  log.error(why, { error: error instanceof Error ? error.stack : messageOf(error) });
  complain(error);
  process.exit(1);
}

async function main(): Promise<void> {
  const flags = loadConfig(masterFlags, unsupportedMasterFlags);
  if (flags.help) return void process.stdout.write(`Usage: mezzo master [flags]\n\n${flagHelp(masterFlags)}\n`);
  if (flags.version) return void process.stdout.write(`${versionInfo().mezzo}\n`);
  const systemd = new ServiceManager();
  const master = await standBy(flags);
  systemd.watch(master.log);
  const isSupervised = isStartedAgain(systemd);
  let plugins: Promise<MasterPlugins | undefined> = Promise.resolve(undefined);
  // Who presses Ctrl-C is done with all of it; a service manager starts another master, which takes the plugins over.
  let isStopping = false;
  const stop = (signal: string, code = 0): void => {
    // A terminal tells it twice, once by way of `mezzo master`: there must be a listener all the while.
    if (isStopping) return;
    isStopping = true;
    const keepPlugins = signal !== 'SIGINT';
    master.log.info('master is stopping', { signal, keepPlugins });
    systemd.tell('STOPPING=1');
    // Plugins that are being started are stopped once they are: nobody would know of them otherwise.
    const stopped = plugins.then((host) => host?.shutdown({ keepPlugins })).then(() => master.close());
    void stopped.then(
      () => process.exit(code),
      () => process.exit(1),
    );
  };
  const restart = isSupervised ? () => stop('its plugins have changed: it is started again', EXIT_RESTART) : undefined;
  process.on('SIGTERM', () => stop('SIGTERM')).on('SIGINT', () => stop('SIGINT'));
  process.on('SIGHUP', () => master.tls?.reload());
  // Those that run on every master need not wait for an election.
  if (flags.zk !== undefined) {
    systemd.tell('READY=1', 'STATUS=follows');
    plugins = followPlugins(master, restart);
    await plugins;
  }
  const daemon = await master.leading;
  systemd.tell('READY=1', 'STATUS=leads');
  await (await plugins)?.shutdown({ keepPlugins: true });
  plugins = leadMasterPlugins(daemon, leaderStore(daemon), restart);
  await plugins;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    complain(error);
    process.exit(1);
  });
}
