import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf, type Logger } from '@mezzo/sdk/contract';
import type { ExecutorEvent } from '@mezzo/sdk/api';
import type { Containerizer, ContainerSpec, ContainerStreams } from '@mezzo/sdk/points/containerizer';
import { mintExecutorToken } from '@mezzo/sdk/secrets';
import type { ContainerCall, ContainerReply } from '../../core/agent/container-messages.js';
import type { AgentEffect, RecoverableContainer } from '../../core/agent/effects.js';
import type { AgentEvent } from '../../core/agent/events.js';
import { createAgentState, type AgentConfig, type AgentState } from '../../core/agent/state.js';
import { agentMachine, isAgentWrite } from '../../core/agent/step.js';
import type { Clock, Random } from '../../ports/clock.js';
import { MachineLoop } from '../loop.js';
import type { JournalCheckpointStore } from './checkpoint-store.js';
import type { Fetcher } from './fetcher.js';
import { ContainerRequests } from './container-requests.js';
import { LaunchSecrets, withoutSecrets } from './launch-secrets.js';
import { MasterClient, type MasterClientOptions } from './master-client.js';
import { runProbe } from './prober.js';
import { giveSandbox, makeInnerSandbox, makeSandbox, removeInnerSandbox, retireSandbox } from './sandbox.js';
import { KeyedTimers } from './timers.js';
import { findUser, type UnixUser } from './users.js';
import { createVolume, destroyVolume, linkVolume, removeDestroyed } from './volumes.js';

/** Streams of subscribed executors, by connection; the HTTP side has them. */
export interface ExecutorStreams {
  send(connection: string, event: ExecutorEvent): void;
  close(connection: string): void;
}

/** Streams of containers that were launched with them; the HTTP side hands them out. */
export interface SessionStreams {
  add(containerId: string, streams: ContainerStreams): void;
}

export interface AgentHostOptions {
  readonly config: AgentConfig;
  readonly bootId: string;
  readonly recover: 'reconnect' | 'cleanup';
  /** Refuses to give up tasks because the containerizer that runs them is missing. */
  readonly strict: boolean;
  readonly master: MasterClientOptions;
  readonly containerizers: readonly Containerizer[];
  readonly checkpoints: JournalCheckpointStore;
  readonly fetcher: Fetcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly executors: ExecutorStreams;
  readonly sessions: SessionStreams;
  /** Signs the token that each executor is started with; undefined = executors need none. */
  readonly executorKey?: Uint8Array;
  /** PEM of the authority that this agent's certificate comes from, when it speaks HTTPS; '' = one that all know. */
  readonly executorCa?: (() => string) | undefined;
  /** The machine is done, or what it believes is no longer what is stored: the process must end. */
  readonly onExit: (code: number, reason: string) => void;
}

const CA_IN_SANDBOX = '.agent-ca.pem';
const RECOVER_WAITS_MS = [0, 1000, 2000, 4000, 8000] as const;
const KILL_WAITS_MS = [0, 1000, 5000, 15_000] as const;

/** Carries out what the agent's machine decides, and tells it what came of it. */
export class AgentHost {
  readonly state: AgentState;
  /** A store is chosen once the plugins are there. */
  readonly secrets: LaunchSecrets;
  private readonly loop: MachineLoop<AgentState, AgentEvent, AgentEffect>;
  private readonly timers: KeyedTimers;
  private readonly master: MasterClient;
  private readonly containerizers: ReadonlyMap<string, Containerizer>;
  private readonly containerRequests = new ContainerRequests((event) => this.dispatch(event));
  private stopped = false;
  private startedAtMs = 0;
  fetchesFailed = 0;
  fetchesSucceeded = 0;
  /** How long it took to take back the containers of the last life. */
  recoveryMs = 0;

  constructor(private readonly options: AgentHostOptions) {
    const { clock, random, log } = options;
    this.state = createAgentState(options.config);
    this.secrets = new LaunchSecrets(this.state, clock);
    this.loop = new MachineLoop(
      agentMachine,
      this.state,
      clock,
      isAgentWrite,
      (effect) => this.execute(effect),
      (error) => options.onExit(1, `cannot write checkpoints: ${messageOf(error)}`),
    );
    this.timers = new KeyedTimers(clock, random, (key) => this.dispatch({ type: 'timerFired', key }));
    this.master = new MasterClient(options.master, log, {
      record: (connection, record) => this.dispatch({ type: 'masterRecordReceived', connection, record }),
      found: () => this.dispatch({ type: 'masterFound' }),
      lost: (connection, reason) => this.dispatch({ type: 'masterLost', connection, reason }),
    });
    this.containerizers = new Map(options.containerizers.map((c) => [c.name, c]));
  }

  /** Recovers what an earlier life left, then looks for the master. */
  async start(): Promise<void> {
    const { checkpoints, random, bootId, recover } = this.options;
    this.startedAtMs = this.options.clock.nowMs();
    const records = await checkpoints.load();
    void this.quietly(() => removeDestroyed(this.state.config.workDir));
    this.dispatch({ type: 'checkpointsLoaded', seed: random.uuid(), bootId, recover, records });
  }

  dispatch(event: AgentEvent): void {
    if (!this.stopped) this.loop.dispatch(event);
  }

  /** Lets go of everything; containers run on. */
  async stop(): Promise<void> {
    this.containerRequests.stop();
    this.stopped = true;
    this.timers.clear();
    await this.master.close(this.state.phase === 'left' ? 1000 : 0);
    this.loop.stop();
    await this.options.checkpoints.close();
    await Promise.allSettled(this.options.containerizers.map((c) => c.close()));
    await this.options.fetcher.close();
  }

  /** `onGone` is handed what to call when whoever asks has left: then the answer is undefined. */
  containerCall(call: ContainerCall, onGone?: (gone: () => void) => void): Promise<ContainerReply | undefined> {
    return this.containerRequests.ask(call, onGone);
  }

  containerizer(name: string): Containerizer | undefined {
    return this.containerizers.get(name);
  }

  private execute(effect: AgentEffect): void | Promise<void> {
    switch (effect.type) {
      case 'checkpoint':
        return this.options.checkpoints.put(effect.key, effect.value);
      case 'forget':
        return this.options.checkpoints.remove(effect.key);
      case 'createVolume':
        return createVolume(effect.volume, effect.fresh);
      case 'destroyVolume':
        return void this.quietly(() => destroyVolume(effect.volume));
      case 'connectMaster':
        return this.master.connect(effect.connection, effect.subscribe);
      case 'disconnectMaster':
        return this.master.disconnect();
      case 'sendMaster':
        return this.master.send(effect.call);
      case 'setTimer':
        return this.timers.set(effect.key, effect.delayMs, effect.jitter);
      case 'cancelTimer':
        return this.timers.cancel(effect.key);
      case 'sendExecutor':
        return this.options.executors.send(effect.connection, effect.event);
      case 'closeExecutor':
        return this.options.executors.close(effect.connection);
      case 'replyContainerCall':
        return this.containerRequests.answer(effect.request, effect.reply);
      case 'log':
        return this.options.log[effect.level](effect.message, { ...effect.fields });
      case 'exit':
        return this.options.onExit(effect.code, effect.reason);
      default:
        return void this.executeSlowly(effect);
    }
  }

  /** What takes time and answers with an event. No case rejects. */
  private async executeSlowly(effect: SlowEffect): Promise<void> {
    switch (effect.type) {
      case 'recoverContainers':
        return this.recover(effect.containers);
      case 'prepareSandbox':
        return this.prepare(effect);
      case 'launchContainer':
        return this.launch(effect);
      case 'killContainer':
        return this.kill(effect);
      case 'updateContainer':
        return this.quietly(() =>
          this.containerizer(effect.containerizer)?.update(effect.containerId, effect.resources),
        );
      case 'signalContainer':
        return this.quietly(() => this.containerizer(effect.containerizer)?.signal(effect.containerId, effect.signal));
      case 'removeSandbox':
        return this.removeSandbox(effect);
      case 'removeContainer':
        return this.quietly(() => this.containerizers.get(effect.containerizer)?.remove(effect.containerId));
      case 'retireSandbox':
        return retireSandbox(effect.directory, this.options.clock.nowMs());
      case 'probe':
        return this.probe(effect);
    }
  }

  /** Telling tasks as lost because a containerizer is not ready would be a lie: rather no agent at all. */
  private async recover(containers: readonly RecoverableContainer[]): Promise<void> {
    const { owner } = this.options.config;
    const orphaned = containers.find((c) => !this.containerizers.has(c.containerizer))?.containerizer;
    if (orphaned !== undefined && this.options.strict)
      return this.options.onExit(
        1,
        `tasks run in containerizer ${orphaned}, which no plugin brings now: mend the plugin, or give these tasks up with --no-strict`,
      );
    const found: { name: string; ids: readonly string[] }[] = [];
    for (const [name, containerizer] of this.containerizers) {
      const mine = containers.filter((c) => c.containerizer === name).map((c) => c.checkpoint);
      try {
        found.push({ name, ids: await this.again(RECOVER_WAITS_MS, () => containerizer.recover(owner, mine)) });
      } catch (error) {
        return this.options.onExit(1, `containerizer ${name} cannot recover: ${messageOf(error)}`);
      }
    }
    this.recoveryMs = this.options.clock.nowMs() - this.startedAtMs;
    this.dispatch({ type: 'containersRecovered', containerIds: found.flatMap(({ ids }) => ids) });
    for (const { name, ids } of found) for (const id of ids) void this.watch(this.containerizers.get(name)!, id);
  }

  private async prepare(effect: Extract<SlowEffect, { type: 'prepareSandbox' }>): Promise<void> {
    const { containerId, directory, user: name, uris, volumes, within, link } = effect;
    let user: UnixUser | undefined;
    try {
      user = name === undefined ? undefined : await findUser(name);
      if (within === undefined) await makeSandbox(directory, user);
      else await makeInnerSandbox(within, basename(directory), { user, link });
      for (const volume of volumes) await linkVolume(volume, within ?? directory, directory, user);
    } catch (error) {
      const message = `Failed to create executor directory '${directory}': ${messageOf(error)}`;
      return this.dispatch({ type: 'sandboxFailed', containerId, stage: 'directory', message });
    }
    try {
      await this.options.fetcher.fetchAll(uris, directory, user);
      if (user !== undefined && uris.length > 0) await giveSandbox(directory, user);
      if (uris.length > 0) this.fetchesSucceeded += 1;
    } catch (error) {
      this.fetchesFailed += 1;
      const message = `Failed to fetch all URIs for container '${containerId}': ${messageOf(error)}`;
      return this.dispatch({ type: 'sandboxFailed', containerId, stage: 'fetch', message });
    }
    try {
      await this.secrets.resolve(effect);
      this.dispatch({ type: 'sandboxPrepared', containerId });
      this.secrets.dropUnlessLaunching(containerId);
    } catch (error) {
      this.dispatch({ type: 'sandboxFailed', containerId, stage: 'secrets', message: messageOf(error) });
    }
  }

  private async launch({ containerizer: name, spec }: Extract<SlowEffect, { type: 'launchContainer' }>): Promise<void> {
    const { containerId, command } = spec;
    const containerizer = this.containerizers.get(name);
    const secrets = this.secrets.take(containerId);
    const whole = { ...spec, command: { ...command, env: { ...command.env, ...secrets } } };
    try {
      if (containerizer === undefined) throw new Error(`there is no containerizer '${name}'`);
      const launched = await containerizer.launch(await this.forExecutor(whole));
      if (spec.streams !== undefined) this.options.sessions.add(containerId, await containerizer.attach(containerId));
      this.dispatch({ type: 'containerLaunched', containerId, launched });
      await this.watch(containerizer, containerId);
    } catch (error) {
      const message = withoutSecrets(messageOf(error), secrets);
      this.dispatch({ type: 'containerLaunchFailed', containerId, message });
    }
  }

  /** What an executor needs to be let in. Given here and not by the machine, whose effects are logged and compared. */
  private async forExecutor(spec: ContainerSpec): Promise<ContainerSpec> {
    const { command, containerId: cid, sandbox } = spec;
    const { executorKey: key, executorCa: ca } = this.options;
    const run = this.state.runs.get(cid);
    if (run?.kind !== 'custom') return spec;
    const env: Record<string, string> = { ...command.env };
    if (key !== undefined) {
      const claims = { fid: run.frameworkId, eid: run.executorId, cid };
      env['MESOS_EXECUTOR_AUTHENTICATION_TOKEN'] = await mintExecutorToken(key, claims);
    }
    if (ca !== undefined) {
      env['LIBPROCESS_SSL_ENABLED'] = 'true';
      env['LIBPROCESS_SSL_CA_FILE'] = join(sandbox, CA_IN_SANDBOX);
      const file = join(sandbox, CA_IN_SANDBOX);
      await rm(file, { force: true }); // fetched archives may hold a link of that name
      await writeFile(file, ca(), { mode: 0o644, flag: 'wx' });
    }
    return { ...spec, command: { ...command, env } };
  }

  private async watch(containerizer: Containerizer, containerId: string): Promise<void> {
    try {
      const exit = await containerizer.wait(containerId);
      this.dispatch({ type: 'containerEnded', containerId, exit });
    } catch (error) {
      if (this.stopped) return;
      const message = `The container was lost: ${messageOf(error)}`;
      this.dispatch({ type: 'containerEnded', containerId, exit: { limitation: 'unknown', message } });
    }
  }

  private async removeSandbox({
    request,
    within,
    directory,
    reply: done,
  }: Extract<SlowEffect, { type: 'removeSandbox' }>) {
    const removed = removeInnerSandbox(within, basename(directory));
    const reply = await removed.then(
      () => done,
      (error: unknown) => ({ status: 500, text: `Failed to remove the sandbox directory: ${messageOf(error)}` }),
    );
    this.containerRequests.answer(request, reply);
  }

  private async kill(effect: Extract<SlowEffect, { type: 'killContainer' }>): Promise<void> {
    const { containerizer, containerId, graceMs } = effect;
    await this.quietly(() =>
      this.again(KILL_WAITS_MS, async () => this.containerizers.get(containerizer)?.kill(containerId, graceMs)),
    );
  }

  private async probe(effect: Extract<SlowEffect, { type: 'probe' }>): Promise<void> {
    const { key, probe, timeoutMs, containerizer, containerId } = effect;
    const outcome = await runProbe(probe, timeoutMs, this.containerizers.get(containerizer), containerId);
    this.dispatch({ type: 'probeDone', key, outcome });
  }

  private async again<T>(waitsMs: readonly number[], attempt: () => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const waitMs of waitsMs) {
      if (waitMs > 0) await new Promise<void>((resolve) => this.options.clock.after(waitMs, resolve));
      if (this.stopped) break;
      try {
        return await attempt();
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new Error('the agent is stopping');
  }

  private async quietly(act: () => unknown): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!this.stopped) this.options.log.warn('cleaning up failed', { reason: messageOf(error) });
    }
  }
}

type SlowEffect = Extract<
  AgentEffect,
  {
    type:
      | 'recoverContainers'
      | 'prepareSandbox'
      | 'launchContainer'
      | 'killContainer'
      | 'updateContainer'
      | 'signalContainer'
      | 'removeSandbox'
      | 'removeContainer'
      | 'retireSandbox'
      | 'probe';
  }
>;
