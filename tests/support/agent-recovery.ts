import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { TaskStatus } from '@mezzo/sdk/api';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { silentLog } from '@mezzo/sdk/testing';
import { JournalCheckpointStore } from '../../kernel/shell/agent/checkpoint-store.js';
import { exploreMachine } from '../../plugins/containerizer-mesos/shell/machine.js';
import { root } from '../tidy/sources.js';
import { AgentCluster, type TestScheduler } from './agent-cluster.js';
import { AgentProcess } from './agent-process.js';
import { bundle } from './bundle.js';
import { until } from './poll.js';
import { isRunning, pids, readProc } from './proc.js';

export const TERMINAL = ['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_GONE', 'TASK_DROPPED', 'TASK_LOST'];
const machine = await exploreMachine({ namespaces: true, cgroups: true });
/** Why this machine does not show all that a recovery is about; undefined = it does. */
export const mesosLack =
  machine.mode === 'namespaces' && machine.cgroups !== undefined ? undefined : machine.notes.join('; ');

export const LONG = 'exec sleep 1000';

export interface Living {
  /** Of those that are `marked` the ids, one for each process. */
  readonly tasks: string[];
  readonly shims: number;
}

export interface Start {
  /** Without them the numbers are all that leads to a process. */
  readonly cgroups?: boolean;
  /** Socket of an engine, for a containerizer of that kind as well. */
  readonly docker?: string;
  readonly flags?: readonly string[];
  /** The command that starts it. */
  readonly through?: readonly string[];
}

/** A master and a framework here, and an agent in a process of its own, to be killed and started again. New for each test. */
export class AgentRecovery {
  cluster!: AgentCluster;
  scheduler!: TestScheduler;
  agent: AgentProcess | undefined;
  private built = '';
  private program = '';
  private port = 0;

  constructor() {
    beforeAll(() => this.build());
    afterAll(() => rmSync(this.built, { recursive: true, force: true }));
    beforeEach(async () => {
      this.cluster = new AgentCluster();
      this.port = 0;
      await this.cluster.startMaster();
      mkdirSync(this.marks);
      this.scheduler = this.cluster.scheduler();
    });
    afterEach(async () => {
      // The agent ends its tasks; whatever is left even so is ended with what it ran in.
      await this.agent?.kill('SIGUSR1');
      this.agent = undefined;
      await this.cluster.destroy();
    });
  }

  get home(): string {
    return join(this.cluster.home, 'agent');
  }

  get journal(): string {
    return join(this.home, 'meta/journal');
  }

  async start({ flags = [], through, ...parts }: Start = {}): Promise<AgentProcess> {
    const { cluster } = this;
    this.agent = await AgentProcess.start(
      [
        ...[this.program, JSON.stringify(parts), `--work_dir=${this.home}`],
        ...[`--master=127.0.0.1:${cluster.master.port}`, `--join_token_file=${cluster.home}/join.token`],
        ...[`--port=${this.port}`, '--registration_backoff_factor=100ms'],
        ...['--resources=cpus:4;mem:4096;disk:1024;ports:[41000-41009]', '--quiet', `--log_dir=${cluster.home}/logs`],
        ...flags,
      ],
      through,
    );
    this.port = this.agent.port ?? this.port;
    return this.agent;
  }

  /** kill -9 once the framework has been told so many statuses; 0 = at the agent's first checkpoint of a task. */
  async killAfter(statuses: number): Promise<void> {
    const reached = () =>
      statuses > 0
        ? this.scheduler.statuses.length >= statuses
        : readFileSync(this.journal, 'latin1').includes('"tasks/');
    await until('the moment', reached, 15_000, 1);
    await this.agent!.kill();
  }

  get marks(): string {
    return join(this.cluster.home, 'marks');
  }

  /** Whoever runs this leaves a line each time it starts, and is known by its environment. */
  marked(id: string, command: string) {
    const value = `echo $$ >>${this.marks}/${id}; ${command}`;
    const variables = [{ name: 'MARKED', value: `${this.cluster.home}/${id}` }];
    return { taskId: { value: id }, command: { value, environment: { variables } } };
  }

  starts(id: string): number {
    const file = join(this.marks, id);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
  }

  /** As the framework was told last. */
  toldLast(id: string): TaskStatus {
    return this.scheduler.of(id).at(-1)!;
  }

  isTold(id: string): boolean {
    return TERMINAL.includes(this.scheduler.states(id).at(-1) ?? '');
  }

  /** Everything on this machine that an agent of this test has started, whether it knows it or not. */
  living(): Living {
    const { home } = this.cluster;
    const tasks: string[] = [];
    let shims = 0;
    for (const pid of pids()) {
      if (!isRunning(pid)) continue;
      const [command, shim] = readProc(pid, 'cmdline').split('\0');
      const mark = `MARKED=${home}/`;
      const marked = readProc(pid, 'environ')
        .split('\0')
        .find((variable) => variable.startsWith(mark));
      if (marked !== undefined) tasks.push(marked.slice(mark.length));
      else if (command === '/bin/sh' && shim?.startsWith(home) === true && shim.endsWith('/shim.sh')) shims++;
    }
    return { tasks: tasks.sort(), shims };
  }

  /** Waits until these tasks have a process each, and nothing else of this test has one. */
  async onlyLive(ids: readonly string[], shims = ids.length): Promise<void> {
    const wanted: Living = { tasks: [...ids].sort(), shims };
    await until('only they live', () => JSON.stringify(this.living()) === JSON.stringify(wanted), 10_000).catch(() =>
      expect(this.living()).toEqual(wanted),
    );
  }

  /** While no agent runs: as if it had never written down, or no longer has, what it has under a key. */
  async forget(isKey: (key: string) => boolean): Promise<void> {
    const journal = new JournalCheckpointStore(join(this.home, 'meta'), silentLog);
    for (const { key } of await journal.load()) if (isKey(key)) await journal.remove(key);
    await journal.close();
  }

  /** Whether the agent warned that it ended this container, which it does not know. */
  warnedOfOrphan(containerId: string): boolean {
    return this.warnings().some(
      (line) => line.includes('ends a container that no checkpoint knows') && line.includes(containerId),
    );
  }

  /** What the agent warned of and worse, in all its lives. */
  warnings(): string[] {
    return readFileSync(join(this.cluster.home, 'logs/mezzo-agent.log'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && (JSON.parse(line) as { level: number }).level >= 40);
  }

  private async build(): Promise<void> {
    const file = await bundle('tests/support/agent-process-main.ts');
    this.built = dirname(file);
    // The daemon reads its version from where it lies in the kernel.
    this.program = join(this.built, 'kernel/main', basename(file));
    mkdirSync(dirname(this.program), { recursive: true });
    renameSync(file, this.program);
    // Some of what it needs is loaded when it is needed.
    symlinkSync(join(root, 'node_modules'), join(this.built, 'node_modules'));
    symlinkSync(join(root, 'sdk/api'), join(this.built, 'api'));
    cpSync(join(root, 'package.json'), join(this.built, 'package.json'));
    cpSync(join(root, 'kernel/package.json'), join(this.built, 'kernel/package.json'));
  }
}
