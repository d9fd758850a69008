import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@mezzo/sdk/testing';
import { describe, expect, test } from 'vitest';
import type { RunRecord } from '../../kernel/core/agent/checkpoint.js';
import { JournalCheckpointStore } from '../../kernel/shell/agent/checkpoint-store.js';
import { AgentRecovery, LONG, mesosLack, TERMINAL } from '../support/agent-recovery.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';

const world = new AgentRecovery();

describeIf(mesosLack, 'agents that recover', () => {
  const tasks = Array.from({ length: 20 }, (_, i) => ({ id: `t${i}`, ends: i % 2 === 0, status: 3 + i }));

  test.each([0, 1, 12, 25, 45])(
    'killed amid launches, after %i statuses: each task runs on, or its end is told',
    async (moment) => {
      await world.start();
      await world.scheduler.launch(
        ...tasks.map(({ id, ends, status }) => world.marked(id, ends ? `sleep 0.${status}; exit ${status}` : LONG)),
      );
      await world.killAfter(moment);
      const before = new Map(tasks.map(({ id }) => [id, world.scheduler.of(id).at(-1)?.containerStatus?.executorPid]));
      await world.start();
      await until('each is told', () =>
        tasks.every(
          ({ id, ends }) => world.isTold(id) || (!ends && world.scheduler.states(id).includes('TASK_RUNNING')),
        ),
      );
      const runs = tasks.filter(({ id }) => !world.isTold(id)).map(({ id }) => id);
      await world.onlyLive(runs);
      for (const { id, ends, status } of tasks) {
        const { state, message, containerStatus } = world.toldLast(id);
        expect(world.starts(id)).toBeLessThanOrEqual(1);
        if (ends && state === 'TASK_FAILED') expect(message).toBe(`Command exited with status ${status}`);
        else if (runs.includes(id))
          expect(containerStatus?.executorPid).toBe(before.get(id) ?? containerStatus?.executorPid);
        else
          expect([world.scheduler.states(id).includes('TASK_STARTING') ? '' : 'TASK_DROPPED', 'TASK_GONE']).toContain(
            state,
          );
      }
      void world.agent!.kill('SIGUSR1');
      expect(await world.agent!.ended).toBe(0);
      expect(world.living()).toEqual({ tasks: [], shims: 0 });
    },
  );

  /** A task that runs, and one that ends with 7 once the agent is down. */
  async function twoTasks(): Promise<{ readonly runs: string; readonly pid: number; readonly containers: string[] }> {
    const go = join(world.cluster.home, 'go');
    await world.start();
    await world.scheduler.launch(
      world.marked('runs', LONG),
      world.marked('ends', `while [ ! -e ${go} ]; do sleep 0.02; done; exit 7`),
    );
    const { containerStatus } = await world.scheduler.reaches('runs', 'TASK_RUNNING');
    const other = (await world.scheduler.reaches('ends', 'TASK_RUNNING')).containerStatus;
    await world.agent!.kill();
    writeFileSync(go, '');
    await world.onlyLive(['runs']);
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
    const { home } = world;
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
      expect((await world.start()).port).toBeDefined();
      expect((await world.scheduler.reaches('ends', 'TASK_FAILED')).message).toBe('Command exited with status 7');
      await world.onlyLive(['runs']);
      await world.scheduler.kill('runs');
      expect((await world.scheduler.reaches('runs', 'TASK_KILLED')).containerStatus?.executorPid).toBe(pid);
      await world.onlyLive([]);
    });

    test('how a task ended: it is told to be gone, the rest runs on, and the log names the file', async () => {
      const { containers } = await twoTasks();
      damage('how tasks ended');
      await world.start();
      await until('the end is told', () => world.isTold('ends'));
      expect(world.toldLast('ends').state).toBe('TASK_GONE');
      await world.onlyLive(['runs']);
      expect(world.warnings().some((line) => line.includes(containers[1]!))).toBe(true);
    });

    test('the journal: what it no longer knows is ended and told to be over, and the log names both', async () => {
      const { runs, pid } = await twoTasks();
      damage('books');
      // Of half a journal it depends on the moment whether the last word on a container is in it: whoever has that word goes on.
      const lines = fault === 'half' ? readFileSync(world.journal, 'utf8').split('\n') : [];
      const isKnown = lines
        .slice(0, -1)
        .some((line) => line.includes(`"runs/${runs}"`) && line.includes('"checkpoint":{'));
      await world.start();
      await until('each is told', () => world.isTold('ends') && (isKnown || world.isTold('runs')));
      await world.onlyLive(isKnown ? ['runs'] : []);
      expect(world.warnings().some((line) => line.includes('meta/journal'))).toBe(true);
      expect(world.warnedOfOrphan(runs)).toBe(!isKnown);
      if (!isKnown) return;
      await world.scheduler.kill('runs');
      expect((await world.scheduler.reaches('runs', 'TASK_KILLED')).containerStatus?.executorPid).toBe(pid);
    });

    test('the key: the agent refuses and names it, or makes another; tasks run on', async () => {
      const { pid } = await twoTasks();
      const [file] = filesOf('secret');
      damage('secret');
      await world.start();
      if (fault !== 'removed') {
        expect(await world.agent!.ended).toBe(1);
        expect(world.agent!.complaint).toContain(file);
        await world.onlyLive(['runs']);
        rmSync(file!);
        await world.start();
      }
      await world.scheduler.reaches('ends', 'TASK_FAILED');
      await world.scheduler.kill('runs');
      expect((await world.scheduler.reaches('runs', 'TASK_KILLED')).containerStatus?.executorPid).toBe(pid);
    });
  });

  test('another boot: tasks are told to be gone, and what has their numbers now is left alone', async () => {
    const id = join(world.cluster.home, 'boot_id');
    writeFileSync(id, '11111111-2222-4333-8444-555555555555\n');
    // Without cgroups the numbers are all that leads to a process.
    await world.start({ cgroups: false });
    await world.scheduler.launch(world.marked('t', LONG));
    const { containerStatus } = await world.scheduler.reaches('t', 'TASK_RUNNING');
    await world.agent!.kill();
    const mount = `mount --bind ${id} /proc/sys/kernel/random/boot_id && exec "$@"`;
    await world.start({ cgroups: false, through: ['unshare', '--mount', 'sh', '-c', mount, 'sh'] });
    await until('the end is told', () => world.isTold('t'));
    expect(world.toldLast('t').state).toBe('TASK_GONE');
    await world.agent!.kill();
    expect(world.living()).toEqual({ tasks: ['t'], shims: 1 });
    process.kill(containerStatus!.executorPid!, 'SIGKILL');
    await world.onlyLive([]);
  });

  test.each(['known to the journal', 'an orphan'])(
    'a pid that is another process now, %s: not adopted, not killed',
    async (who) => {
      const { runs, pid } = await twoTasks();
      const { home } = world;
      const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
      try {
        process.kill(pid, 'SIGKILL');
        await world.onlyLive([]);
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
        await world.start();
        await until('the end is told', () => world.isTold('runs'));
        expect(TERMINAL.slice(3)).toContain(world.toldLast('runs').state);
        await world.onlyLive([]);
        expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
      } finally {
        stranger.kill('SIGKILL');
      }
    },
  );

  test('a full disk: it ends rather than acknowledge, and comes back with its tasks when there is room', async () => {
    const { home } = world;
    mkdirSync(home);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', home]).status).toBe(0);
    try {
      await world.start();
      await world.scheduler.launch(world.marked('before', LONG));
      const { containerStatus } = await world.scheduler.reaches('before', 'TASK_RUNNING');
      expect(() => appendFileSync(join(home, 'fill'), Buffer.alloc(2 << 20))).toThrow(/ENOSPC/);
      const labels = { labels: [{ key: 'long', value: 'x'.repeat(20_000) }] };
      await world.scheduler.launch({ ...world.marked('late', LONG), labels });
      expect(await world.agent!.ended).toBe(1);
      expect(world.warnings().at(-1)).toMatch(/cannot write checkpoints.*ENOSPC/);
      expect((await world.start()).port).toBeUndefined();
      expect(await world.agent!.ended).toBe(1);
      expect(world.agent!.complaint).toContain('ENOSPC');
      await world.onlyLive(['before']);
      expect(world.scheduler.states('late')).toEqual([]);
      rmSync(join(home, 'fill'));
      await world.start();
      await until('the late one is told to be over', () => world.isTold('late'));
      expect(world.starts('late')).toBe(0);
      await world.onlyLive(['before']);
      await world.scheduler.kill('before');
      expect((await world.scheduler.reaches('before', 'TASK_KILLED')).containerStatus).toMatchObject({
        executorPid: containerStatus!.executorPid!,
      });
    } finally {
      await world.agent?.kill();
      spawnSync('umount', ['--lazy', home]);
    }
  });
});
