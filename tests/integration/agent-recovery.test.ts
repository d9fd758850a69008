import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { silentLog } from '@mezzo/sdk/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunRecord } from '../../kernel/core/agent/checkpoint.js';
import { JournalCheckpointStore } from '../../kernel/shell/agent/checkpoint-store.js';
import { exploreMachine } from '../../plugins/containerizer-mesos/shell/machine.js';
import { AgentCluster, type TestScheduler } from '../support/agent-cluster.js';
import { AgentProcess } from '../support/agent-process.js';
import { bundle } from '../support/bundle.js';
import { until } from '../support/poll.js';
import { isRunning, pids, readProc } from '../support/proc.js';
import { describeIf } from '../support/skip.js';
import { root } from '../tidy/sources.js';

const TERMINAL = ['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_GONE', 'TASK_DROPPED', 'TASK_LOST'];
const LONG = 'exec sleep 1000';

const machine = await exploreMachine({ namespaces: true, cgroups: true });
const lacks = machine.mode === 'namespaces' && machine.cgroups !== undefined ? undefined : machine.notes.join('; ');

let built: string;
let program: string;
let cluster: AgentCluster;
let scheduler: TestScheduler;
let agent: AgentProcess | undefined;
let port: number;

beforeAll(async () => {
  const file = await bundle('tests/support/agent-process-main.ts');
  built = dirname(file);
  // The daemon reads its version from where it lies in the kernel.
  program = join(built, 'kernel/main', basename(file));
  mkdirSync(dirname(program), { recursive: true });
  renameSync(file, program);
  cpSync(join(root, 'package.json'), join(built, 'package.json'));
  cpSync(join(root, 'kernel/package.json'), join(built, 'kernel/package.json'));
});
afterAll(() => rmSync(built, { recursive: true }));
beforeEach(async () => {
  cluster = new AgentCluster();
  port = 0;
  await cluster.startMaster();
  mkdirSync(marks());
  scheduler = cluster.scheduler();
});
afterEach(async () => {
  // The agent ends its tasks; whatever is left even so is ended here.
  await agent?.kill('SIGUSR1');
  agent = undefined;
  await cluster.destroy();
});

const marks = (): string => join(cluster.home, 'marks');
/** Whoever runs this leaves a line each time it starts. */
const marked = (id: string, command: string) => ({
  taskId: { value: id },
  command: { value: `echo $$ >>${marks()}/${id}; ${command}` },
});
const starts = (id: string): number =>
  existsSync(join(marks(), id)) ? readFileSync(join(marks(), id), 'utf8').split('\n').length - 1 : 0;
/** As the framework was told last. */
const toldLast = (id: string) => scheduler.of(id).at(-1)!;
const isTold = (id: string): boolean => TERMINAL.includes(scheduler.states(id).at(-1) ?? '');

interface Living {
  /** Ids of tasks that have a process, one for each process. */
  readonly tasks: string[];
  readonly shims: number;
}

/** Everything on this machine that an agent of this test has started, whether it knows it or not. */
function living(): Living {
  const tasks: string[] = [];
  let shims = 0;
  for (const pid of pids()) {
    if (!isRunning(pid)) continue;
    const [command, shim] = readProc(pid, 'cmdline').split('\0');
    const environment = readProc(pid, 'environ');
    const id = /(?:^|\0)MESOS_EXECUTOR_ID=([^\0]*)/.exec(environment)?.[1];
    if (id !== undefined && environment.includes(`MESOS_SANDBOX=${cluster.home}/`)) tasks.push(id);
    else if (command === '/bin/sh' && shim?.startsWith(cluster.home) === true && shim.endsWith('/shim.sh')) shims++;
  }
  return { tasks: tasks.sort(), shims };
}

/** Waits until these tasks have a process each, and nothing else of this test has one. */
async function onlyLive(ids: readonly string[]): Promise<void> {
  const wanted: Living = { tasks: [...ids].sort(), shims: ids.length };
  await until('only they live', () => JSON.stringify(living()) === JSON.stringify(wanted), 10_000).catch(() =>
    expect(living()).toEqual(wanted),
  );
}

/** What the agent warned of and worse, in all its lives. */
const warnings = (): string[] =>
  readFileSync(join(cluster.home, 'logs/mezzo-agent.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && (JSON.parse(line) as { level: number }).level >= 40);

async function startProcess(
  options: { readonly cgroups?: boolean; readonly through?: readonly string[] } = {},
): Promise<AgentProcess> {
  agent = await AgentProcess.start(
    [
      ...[program, options.cgroups === false ? 'no' : 'yes', `--work_dir=${cluster.home}/agent`],
      ...[
        `--master=127.0.0.1:${cluster.master.port}`,
        `--join_token_file=${cluster.home}/join.token`,
        `--port=${port}`,
      ],
      ...['--registration_backoff_factor=100ms', '--resources=cpus:4;mem:4096;disk:1024;ports:[41000-41009]'],
      ...['--quiet', `--log_dir=${cluster.home}/logs`],
    ],
    options.through,
  );
  port = agent.port ?? port;
  return agent;
}

describeIf(lacks, 'agents that recover', () => {
  const tasks = Array.from({ length: 20 }, (_, i) => ({ id: `t${i}`, ends: i % 2 === 0, status: 3 + i }));

  // Statuses that the framework has been told when the agent is killed; 0 = at its first checkpoint of a task.
  test.each([0, 1, 12, 25, 45])(
    'killed amid launches, after %i statuses: each task runs on, or its end is told',
    async (moment) => {
      await startProcess();
      await scheduler.launch(
        ...tasks.map(({ id, ends, status }) => marked(id, ends ? `sleep 0.${status}; exit ${status}` : LONG)),
      );
      const journal = join(cluster.home, 'agent/meta/journal');
      const reached = () =>
        moment > 0 ? scheduler.statuses.length >= moment : readFileSync(journal, 'latin1').includes('"tasks/');
      await until('the moment', reached, 15_000, 1);
      await agent!.kill();
      const before = new Map(tasks.map(({ id }) => [id, scheduler.of(id).at(-1)?.containerStatus?.executorPid]));
      await startProcess();
      await until('each is told', () =>
        tasks.every(({ id, ends }) => isTold(id) || (!ends && scheduler.states(id).includes('TASK_RUNNING'))),
      );
      const runs = tasks.filter(({ id }) => !isTold(id)).map(({ id }) => id);
      await onlyLive(runs);
      for (const { id, ends, status } of tasks) {
        const { state, message, containerStatus } = toldLast(id);
        expect(starts(id)).toBeLessThanOrEqual(1);
        if (ends && state === 'TASK_FAILED') expect(message).toBe(`Command exited with status ${status}`);
        else if (runs.includes(id))
          expect(containerStatus?.executorPid).toBe(before.get(id) ?? containerStatus?.executorPid);
        else
          expect([scheduler.states(id).includes('TASK_STARTING') ? '' : 'TASK_DROPPED', 'TASK_GONE']).toContain(state);
      }
      void agent!.kill('SIGUSR1');
      expect(await agent!.ended).toBe(0);
      expect(living()).toEqual({ tasks: [], shims: 0 });
    },
  );

  /** A task that runs, and one that ends with 7 once the agent is down. */
  async function twoTasks(): Promise<{ readonly runs: string; readonly pid: number; readonly containers: string[] }> {
    const go = join(cluster.home, 'go');
    await startProcess();
    await scheduler.launch(marked('runs', LONG), marked('ends', `while [ ! -e ${go} ]; do sleep 0.02; done; exit 7`));
    const { containerStatus } = await scheduler.reaches('runs', 'TASK_RUNNING');
    const other = (await scheduler.reaches('ends', 'TASK_RUNNING')).containerStatus;
    await agent!.kill();
    writeFileSync(go, '');
    await onlyLive(['runs']);
    const containers = [containerStatus, other].map((status) => status!.containerId!.value);
    return { runs: containers[0]!, pid: containerStatus!.executorPid!, containers };
  }

  const faults: Record<string, (file: string) => void> = {
    half: (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
    emptied: (file) => truncateSync(file, 0),
    removed: (file) => rmSync(file),
  };
  /** Every file that an agent leaves, by what damage to it costs. */
  const kinds: Record<string, RegExp> = {
    nothing:
      /^(agent\.lock|run\/(boot|fork-server\.sh|shim\.sh|containers\/[^/]+\/[^/]+\.(run|log))|slaves\/.*\/(stdout|stderr))$/,
    'how tasks ended': /^run\/exits\//,
    books: /^meta\/journal$/,
    secret: /^secrets\/cluster\.key$/,
  };
  const filesOf = (cost: string): string[] => {
    const home = join(cluster.home, 'agent');
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !name.includes('/latest/') && lstatSync(join(home, name)).isFile(),
    );
    for (const file of files)
      expect(
        Object.values(kinds).filter((kind) => kind.test(file)),
        file,
      ).toHaveLength(1);
    const found = files.filter((file) => kinds[cost]!.test(file));
    expect(found).not.toEqual([]);
    return found.map((file) => join(home, file));
  };

  describe.each(Object.keys(faults))('files %s while it is down', (fault) => {
    const damage = (cost: string): string[] => {
      const files = filesOf(cost);
      files.forEach(faults[fault]!);
      return files;
    };

    test('scripts, logs, locks: nothing is lost', async () => {
      const { pid } = await twoTasks();
      damage('nothing');
      expect((await startProcess()).port).toBeDefined();
      expect((await scheduler.reaches('ends', 'TASK_FAILED')).message).toBe('Command exited with status 7');
      await onlyLive(['runs']);
      await scheduler.kill('runs');
      expect((await scheduler.reaches('runs', 'TASK_KILLED')).containerStatus?.executorPid).toBe(pid);
      await onlyLive([]);
    });

    test('how a task ended: it is told to be gone, the rest runs on, and the log names the file', async () => {
      const { containers } = await twoTasks();
      damage('how tasks ended');
      await startProcess();
      await until('the end is told', () => isTold('ends'));
      expect(toldLast('ends').state).toBe('TASK_GONE');
      await onlyLive(['runs']);
      expect(warnings().some((line) => line.includes(containers[1]!))).toBe(true);
    });

    test('the journal: what it no longer knows is ended and told to be over, and the log names the file', async () => {
      await twoTasks();
      damage('books');
      await startProcess();
      const runs = () => living().tasks.includes('runs');
      // Half a journal may still know the one that runs.
      await until('each is told', () => isTold('ends') && (isTold('runs') || fault === 'half'));
      await until('it is over, or runs', () => isTold('runs') !== runs());
      await onlyLive(runs() ? ['runs'] : []);
      expect(warnings().some((line) => line.includes('meta/journal'))).toBe(true);
    });

    test('the key: the agent refuses and names it, or makes another; tasks run on', async () => {
      const { pid } = await twoTasks();
      const [file] = filesOf('secret');
      damage('secret');
      await startProcess();
      if (fault !== 'removed') {
        expect(await agent!.ended).toBe(1);
        expect(agent!.complaint).toContain(file);
        await onlyLive(['runs']);
        rmSync(file!);
        await startProcess();
      }
      await scheduler.reaches('ends', 'TASK_FAILED');
      await scheduler.kill('runs');
      expect((await scheduler.reaches('runs', 'TASK_KILLED')).containerStatus?.executorPid).toBe(pid);
    });
  });

  test('another boot: tasks are told to be gone, and what has their numbers now is left alone', async () => {
    const id = join(cluster.home, 'boot_id');
    writeFileSync(id, '11111111-2222-4333-8444-555555555555\n');
    // Without cgroups the numbers are all that leads to a process.
    await startProcess({ cgroups: false });
    await scheduler.launch(marked('t', LONG));
    const { containerStatus } = await scheduler.reaches('t', 'TASK_RUNNING');
    await agent!.kill();
    const mount = `mount --bind ${id} /proc/sys/kernel/random/boot_id && exec "$@"`;
    await startProcess({ cgroups: false, through: ['unshare', '--mount', 'sh', '-c', mount, 'sh'] });
    await until('the end is told', () => isTold('t'));
    expect(toldLast('t').state).toBe('TASK_GONE');
    await agent!.kill();
    expect(living()).toEqual({ tasks: ['t'], shims: 1 });
    process.kill(containerStatus!.executorPid!, 'SIGKILL');
    await onlyLive([]);
  });

  test.each(['known to the journal', 'an orphan'])(
    'a pid that is another process now, %s: not adopted, not killed',
    async (who) => {
      const { runs, pid } = await twoTasks();
      const home = join(cluster.home, 'agent');
      const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
      try {
        process.kill(pid, 'SIGKILL');
        await onlyLive([]);
        const [owner] = readdirSync(join(home, 'run/exits'));
        rmSync(join(home, 'run/exits', owner!, runs));
        const log = join(home, 'run/containers', owner!, `${runs}.log`);
        const [, shim, start, ...rest] = readFileSync(log, 'utf8').split(/[ \n]/);
        writeFileSync(
          log,
          `pids ${stranger.pid} ${start} ${stranger.pid} ${rest.slice(1, 2).join()} ${stranger.pid}\n`,
        );
        expect(Number(shim)).not.toBe(stranger.pid);
        const journal = new JournalCheckpointStore(join(home, 'meta'), silentLog);
        for (const { key, value } of await journal.load()) {
          if (key !== `runs/${runs}`) continue;
          const run = value as RunRecord;
          const { data } = run.checkpoint!;
          const other = { pid: stranger.pid };
          const swapped = {
            ...data,
            shim: { ...(data['shim'] as object), ...other },
            main: { ...(data['main'] as object), ...other },
            group: stranger.pid,
          };
          if (who === 'an orphan') await journal.remove(key);
          else await journal.put(key, { ...run, checkpoint: { ...run.checkpoint!, data: swapped } });
        }
        await journal.close();
        await startProcess();
        await until('the end is told', () => isTold('runs'));
        expect(TERMINAL.slice(3)).toContain(toldLast('runs').state);
        await onlyLive([]);
        expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
      } finally {
        stranger.kill('SIGKILL');
      }
    },
  );

  test('a full disk: it ends rather than acknowledge, and comes back with its tasks when there is room', async () => {
    const home = join(cluster.home, 'agent');
    mkdirSync(home);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', home]).status).toBe(0);
    try {
      await startProcess();
      await scheduler.launch(marked('before', LONG));
      const { containerStatus } = await scheduler.reaches('before', 'TASK_RUNNING');
      expect(() => appendFileSync(join(home, 'fill'), Buffer.alloc(2 << 20))).toThrow(/ENOSPC/);
      const labels = { labels: [{ key: 'long', value: 'x'.repeat(20_000) }] };
      await scheduler.launch({ ...marked('late', LONG), labels });
      expect(await agent!.ended).toBe(1);
      expect(warnings().at(-1)).toMatch(/cannot write checkpoints.*ENOSPC/);
      expect((await startProcess()).port).toBeUndefined();
      expect(await agent!.ended).toBe(1);
      expect(agent!.complaint).toContain('ENOSPC');
      await onlyLive(['before']);
      expect(scheduler.states('late')).toEqual([]);
      rmSync(join(home, 'fill'));
      await startProcess();
      await until('the late one is told to be over', () => isTold('late'));
      expect(starts('late')).toBe(0);
      await onlyLive(['before']);
      await scheduler.kill('before');
      expect((await scheduler.reaches('before', 'TASK_KILLED')).containerStatus).toMatchObject({
        executorPid: containerStatus!.executorPid!,
      });
    } finally {
      await agent?.kill();
      spawnSync('umount', ['--lazy', home]);
    }
  });
});
