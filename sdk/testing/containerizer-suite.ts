import assert from 'node:assert/strict';
import type { ContainerInfo } from '../api/messages.js';
import type {
  ContainerCommand,
  Containerizer,
  ContainerizerCapabilities,
  ContainerSpec,
  ContainerStreams,
} from '../points/containerizer.js';
import { Bench } from './containerizer-bench.js';
import { eventually, PATIENCE } from './eventually.js';
import { SHELL_BEHAVIOURS, type Behaviours } from './containerizer-behaviours.js';

export interface ContainerizerSuiteOptions {
  /**
   * A containerizer that is ready for `recover`. Called again with the same `home` (a directory) after the earlier one was closed, as when an
   * agent is started again: what it must remember is to be found there.
   */
  create(home: string): Promise<Containerizer>;
  /** What it can do here: laws about more are skipped. */
  readonly capabilities: Pick<ContainerizerCapabilities, 'cgroups' | 'nesting' | 'streams'>;
  /** For every container; an image must have a POSIX /bin/sh. */
  readonly container?: ContainerInfo;
  /** How to say what a task shall do, where /bin/sh does not understand. */
  readonly behaviours?: Behaviours;
  /** Nothing is really run: `end` ends a container from within. */
  readonly pretended?: { end(containerizer: Containerizer, spec: ContainerSpec): void };
  /** What must not be there after all containers were removed, in words: cgroups, mounts, containers. */
  readonly residue?: (home: string, owner: string) => Promise<readonly string[]>;
}

export interface Law {
  readonly title: string;
  readonly timeoutMs: number;
  /** Why it does not apply here. */
  readonly skip?: string;
  run(): Promise<void>;
}

type Check = (bench: Bench, does: Behaviours) => Promise<void>;

const LAW_TIMEOUT_MS = 60_000 * PATIENCE;
/** How soon an exit must be told, on a machine that does other things besides. */
const SOON_MS = 2_000 * PATIENCE;

/** What every containerizer promises. The caller hands each law to its test runner. */
export function containerizerSuite(options: ContainerizerSuiteOptions): Law[] {
  const does = options.behaviours ?? SHELL_BEHAVIOURS;
  const law = ([title, check, skip]: readonly [string, Check, string?]): Law => ({
    title,
    timeoutMs: LAW_TIMEOUT_MS,
    run: () => Bench.run(options, (bench) => check(bench, does)),
    ...(skip !== undefined && { skip }),
  });
  const unlimited = options.capabilities.cgroups === 'none' ? 'memory is not bounded here' : undefined;
  const flat = options.capabilities.nesting ? undefined : 'it has no containers in containers';
  const { streams } = options.capabilities;
  const silent = streams === 'none' ? 'containers have no streams' : undefined;
  const plain = streams === 'tty' ? undefined : 'containers have no terminals here';
  const unreal = options.pretended !== undefined ? 'nothing is really run' : undefined;
  return [
    ...EXITS,
    ...KILLS,
    ...RECOVERY,
    ...LIFE,
    ...EXECS,
    ...NESTING.map(([title, check]) => [title, check, flat] as const),
    ...STREAMS.map(([title, check]) => [title, check, unreal ?? silent] as const),
    ['a terminal echoes, has a size, and can be given another', terminal, unreal ?? silent ?? plain] as const,
    ...REAL.map(([title, check]) => [title, check, unreal] as const),
    ['a container that outgrows its memory is told to be out of memory', outOfMemory, unlimited] as const,
    ['a container in a container is held to the memory of both', outOfSharedMemory, flat ?? unlimited] as const,
  ].map(law);
}

const EXITS: readonly (readonly [string, Check])[] = [
  [
    'the exit code of a container is told, as often as asked',
    async (bench, does) => {
      for (const code of [0, 3, 255]) {
        const container = await bench.launch(does.exits(code));
        const exit = await container.wait();
        assert.equal(exit.code, code);
        assert.equal(exit.signal, undefined);
        assert.equal(exit.limitation, undefined);
        assert.deepEqual(await container.wait(), exit);
      }
    },
  ],
  [
    'two containers at once do not know of each other',
    async (bench, does) => {
      const [a, b] = await Promise.all([bench.launch(does.waits(1)), bench.launch(does.waits(2))]);
      await Promise.all([a.ready(), b.ready()]);
      await b.end();
      assert.equal((await b.wait()).code, 2);
      await a.end();
      assert.equal((await a.wait()).code, 1);
    },
  ],
];

const KILLS: readonly (readonly [string, Check])[] = [
  [
    'a container that does not heed SIGTERM gets SIGKILL after its grace',
    async (bench, does) => {
      const container = await bench.launch(does.ignoresTerm());
      await container.ready();
      await container.kill(200);
      assert.equal((await container.wait()).signal, 'SIGKILL');
    },
  ],
  [
    'a second kill may shorten the grace',
    async (bench, does) => {
      const container = await bench.launch(does.ignoresTerm());
      await container.ready();
      await container.kill(50_000);
      await container.kill(0);
      assert.equal((await container.wait()).signal, 'SIGKILL');
    },
  ],
  [
    'killing what has ended, or never was, is no failure',
    async (bench, does) => {
      const container = await bench.launch(does.exits(0));
      await container.wait();
      await container.kill(0);
      await bench.containerizer.kill('never-was', 0);
    },
  ],
];

const RECOVERY: readonly (readonly [string, Check])[] = [
  [
    'a running container survives its containerizer, and its end is told soon to the next',
    async (bench, does) => {
      const container = await bench.launch(does.waits(4));
      await container.ready();
      assert.deepEqual(await bench.restart([container.checkpoint]), [container.id]);
      const ended = container.wait();
      await container.end();
      const goneAt = performance.now();
      assert.equal((await ended).code, 4);
      assert.ok(performance.now() - goneAt < SOON_MS, 'the exit was told late');
    },
  ],
  [
    'a container that was taken back can be killed',
    async (bench, does) => {
      const container = await bench.launch(does.ignoresTerm());
      await container.ready();
      await bench.restart([container.checkpoint]);
      await container.kill(100);
      assert.equal((await container.wait()).signal, 'SIGKILL');
    },
  ],
  [
    'how a container ended is told, though nobody watched',
    async (bench, does) => {
      const container = await bench.launch(does.waits(5));
      await container.ready();
      await bench.forget();
      await container.end();
      await eventually('it ends', async () => (await bench.processes()) === 0);
      assert.deepEqual(await bench.remember([container.checkpoint]), [container.id]);
      assert.equal((await container.wait()).code, 5);
    },
  ],
  [
    'a container of the owner without a checkpoint is destroyed, one of another owner is left alone',
    async (bench, does) => {
      const orphan = await bench.launch(does.ignoresTerm());
      const other = await bench.launch(does.waits(6), { owner: `${bench.owner}-other` });
      await Promise.all([orphan.ready(), other.ready()]);
      assert.deepEqual(await bench.restart([]), []);
      await assert.rejects(bench.containerizer.wait(orphan.id));
      assert.deepEqual(await bench.containerizer.recover(`${bench.owner}-other`, [other.checkpoint]), [other.id]);
      await other.end();
      assert.equal((await other.wait()).code, 6);
    },
  ],
  [
    'a container that was removed is not found again',
    async (bench, does) => {
      const container = await bench.launch(does.exits(0));
      await container.wait();
      await bench.containerizer.remove(container.id);
      assert.deepEqual(await bench.restart([container.checkpoint]), []);
    },
  ],
];

const LIFE: readonly (readonly [string, Check])[] = [
  [
    'removing twice, or what never was, is no failure',
    async (bench, does) => {
      const container = await bench.launch(does.exits(0));
      await container.wait();
      await bench.containerizer.remove(container.id);
      await bench.containerizer.remove(container.id);
      await bench.containerizer.remove('never-was');
      await assert.rejects(bench.containerizer.wait(container.id), { code: 'CONTAINER_NOT_FOUND' });
    },
  ],
  [
    'an id is launched once',
    async (bench, does) => {
      const container = await bench.launch(does.waits(0));
      await container.ready();
      const again = bench.launch(does.exits(1), { containerId: container.id });
      await assert.rejects(again, { code: 'CONTAINER_LAUNCH_FAILED' });
      await container.end();
      assert.equal((await container.wait()).code, 0);
    },
  ],
  [
    'a running container tells what it uses',
    async (bench, does) => {
      const container = await bench.launch(does.waits(0));
      await container.ready();
      const statistics = await bench.containerizer.statistics(container.id);
      assert.ok(statistics.timestampMs > 0);
      for (const value of Object.values(statistics)) assert.ok(Number.isFinite(value) && value >= 0);
      await container.end();
      await container.wait();
    },
  ],
];

const EXECS: readonly (readonly [string, Check])[] = [
  [
    'a command that takes too long is killed, the task is not',
    async (bench, does) => {
      const container = await bench.launch(does.waits(0));
      await container.ready();
      const late = bench.containerizer.exec(container.id, does.ignoresTerm(), 300);
      await assert.rejects(late, { code: 'EXEC_TIMEOUT' });
      await container.end();
      assert.equal((await container.wait()).code, 0);
    },
  ],
];

const NESTING: readonly (readonly [string, Check])[] = [
  [
    'a container in a container ends by itself, and its parent runs on',
    async (bench, does) => {
      const parent = await bench.launch(does.waits(0));
      await parent.ready();
      const [one, two] = await Promise.all([
        bench.launch(does.exits(6), { parent: parent.id }),
        bench.launch(does.waits(7), { parent: parent.id }),
      ]);
      assert.equal((await one.wait()).code, 6);
      await two.ready();
      await two.end();
      assert.equal((await two.wait()).code, 7);
      await parent.end();
      assert.equal((await parent.wait()).code, 0);
    },
  ],
  [
    'what is in the environment of a container in a container is in no file or argument list',
    async (bench, does) => {
      const value = 'a-password-that-nobody-may-see';
      const parent = await bench.launch(does.waits(0));
      await parent.ready();
      const child = await bench.launch({ ...does.waits(1), env: { PASSWORD: value } }, { parent: parent.id });
      await child.ready();
      assert.deepEqual(await bench.placesOf(value), []);
      await parent.end();
      await parent.wait();
    },
  ],
  [
    'a container in a container can be killed alone, and by a signal',
    async (bench, does) => {
      const parent = await bench.launch(does.waits(3));
      await parent.ready();
      const [deaf, other] = await Promise.all([
        bench.launch(does.ignoresTerm(), { parent: parent.id }),
        bench.launch(does.ignoresTerm(), { parent: parent.id }),
      ]);
      await Promise.all([deaf.ready(), other.ready()]);
      await deaf.kill(100);
      assert.equal((await deaf.wait()).signal, 'SIGKILL');
      await bench.containerizer.signal(other.id, 9);
      assert.equal((await other.wait()).signal, 'SIGKILL');
      await bench.containerizer.signal('never-was', 9);
      await parent.end();
      assert.equal((await parent.wait()).code, 3);
    },
  ],
  [
    'when a container ends, so do all those in it, however deep',
    async (bench, does) => {
      const parent = await bench.launch(does.waits(5));
      const child = await bench.launch(does.ignoresTerm(), { parent: parent.id });
      const grandchild = await bench.launch(does.ignoresTerm(), { parent: child.id });
      await Promise.all([parent.ready(), child.ready(), grandchild.ready()]);
      await parent.end();
      assert.equal((await parent.wait()).code, 5);
      assert.equal((await child.wait()).signal, 'SIGKILL');
      assert.equal((await grandchild.wait()).signal, 'SIGKILL');
      await eventually('all have ended', async () => (await bench.processes()) === 0);
    },
  ],
  [
    'a container is not launched into one that does not run',
    async (bench, does) => {
      const parent = await bench.launch(does.exits(0));
      await parent.wait();
      for (const id of [parent.id, 'never-was'])
        await assert.rejects(bench.launch(does.exits(0), { parent: id }), { code: 'CONTAINER_LAUNCH_FAILED' });
    },
  ],
  [
    'containers in containers are taken back with their parent',
    async (bench, does) => {
      const parent = await bench.launch(does.waits(1));
      const child = await bench.launch(does.waits(2), { parent: parent.id });
      await Promise.all([parent.ready(), child.ready()]);
      const found = await bench.restart([child.checkpoint, parent.checkpoint]);
      assert.deepEqual([...found].sort(), [parent.id, child.id].sort());
      const [late, grandchild] = await Promise.all([
        bench.launch(does.waits(4), { parent: parent.id }),
        bench.launch(does.exits(9), { parent: child.id }),
      ]);
      assert.equal((await grandchild.wait()).code, 9);
      await late.ready();
      await late.end();
      assert.equal((await late.wait()).code, 4);
      await child.end();
      assert.equal((await child.wait()).code, 2);
      await parent.end();
      assert.equal((await parent.wait()).code, 1);
    },
  ],
  [
    'a container whose parent is not taken back is ended',
    async (bench, does) => {
      const parent = await bench.launch(does.ignoresTerm());
      const child = await bench.launch(does.ignoresTerm(), { parent: parent.id });
      await Promise.all([parent.ready(), child.ready()]);
      const found = await bench.restart([child.checkpoint]);
      if (found.includes(child.id)) assert.equal((await bench.containerizer.wait(child.id)).signal, 'SIGKILL');
      await eventually('all have ended', async () => (await bench.processes()) === 0);
    },
  ],
  [
    'a container takes other amounts while it runs',
    async (bench, does) => {
      const parent = await bench.launch(does.waits(0));
      await parent.ready();
      await bench.containerizer.update(parent.id, { cpusMilli: 200, memMib: 128 });
      await assert.rejects(bench.containerizer.update('never-was', { cpusMilli: 200, memMib: 128 }), {
        code: 'CONTAINER_NOT_FOUND',
      });
      await parent.end();
      await parent.wait();
    },
  ],
];

const sh = (text: string, env: Record<string, string> = {}): ContainerCommand => ({ shell: true, argv: [text], env });

/** Only what really runs can keep these. */
const REAL: readonly (readonly [string, Check])[] = [
  [
    'a command beside the task tells its exit code and what it printed',
    async (bench, does) => {
      const container = await bench.launch(does.waits(0));
      await container.ready();
      const result = await bench.containerizer.exec(container.id, does.prints('hello', 'there', 9), 10_000);
      assert.equal(result.code, 9);
      assert.deepEqual(result.output.split('\n').sort(), ['', 'hello', 'there']);
      await container.end();
      await container.wait();
    },
  ],
  [
    'a launch that fails leaves nothing: its id can be used',
    async (bench, does) => {
      const spec = bench.spec(does.exits(0));
      await assert.rejects(bench.containerizer.launch(spec), { code: 'CONTAINER_LAUNCH_FAILED' });
      await bench.launchSpec(spec);
      assert.equal((await bench.containerizer.wait(spec.containerId)).code, 0);
    },
  ],
  [
    'a killed container may end in its own way within its grace',
    async (bench, does) => {
      const container = await bench.launch(does.endsOnTerm(7));
      await container.ready();
      await container.kill(30_000);
      assert.equal((await container.wait()).code, 7);
    },
  ],
  [
    'what a container prints is in its sandbox, the two streams apart',
    async (bench, does) => {
      const container = await bench.launch(does.prints('out: ä €', 'err'));
      await container.wait();
      await eventually('the output is there', async () => (await container.stdout()) === 'out: ä €\n');
      await eventually('the errors are there', async () => (await container.stderr()) === 'err\n');
    },
  ],
  [
    'the environment arrives as it was sent, with the place of the sandbox',
    async (bench) => {
      const env = {
        PLAIN: 'a b',
        QUOTES: `it's "so" \`$(x)\` $HOME \\`,
        LINES: 'one\ntwo\n',
        EMPTY: '',
        IFS: 'x',
        PPID: '1',
      };
      const print =
        'for v in PLAIN QUOTES LINES EMPTY; do eval "printf \'%s=%s|\' $v \\"\\$$v\\""; done; cd "$MESOS_SANDBOX" && pwd >in';
      const container = await bench.launch(sh(print, env));
      assert.equal((await container.wait()).code, 0);
      const { PLAIN, QUOTES, LINES } = env;
      const expected = `PLAIN=${PLAIN}|QUOTES=${QUOTES}|LINES=${LINES}|EMPTY=|`;
      await eventually('it is printed', async () => (await container.stdout()) === expected);
    },
  ],
  [
    'what is in the environment of a container that runs is in no file, argument list or checkpoint',
    async (bench, does) => {
      const value = 'a-password-that-nobody-may-see';
      const command = { ...does.waits(0), env: { PASSWORD: value } };
      const container = await bench.launch(command);
      await container.ready();
      assert.deepEqual(await bench.placesOf(value), []);
      assert.ok(!JSON.stringify(container.checkpoint).includes(value));
      assert.deepEqual(await bench.restart([container.checkpoint]), [container.id]);
      assert.deepEqual(await bench.placesOf(value), []);
      await container.end();
      assert.equal((await container.wait()).code, 0);
    },
  ],
  [
    'a command without a shell is executed as it stands',
    async (bench) => {
      const argv = ['/bin/echo', 'a  b', '$HOME', "it's", ';', ''];
      const container = await bench.launch({ shell: false, argv, env: {} });
      assert.equal((await container.wait()).code, 0);
      await eventually('it is printed', async () => (await container.stdout()) === "a  b $HOME it's ; \n");
    },
  ],
  [
    'a program that is not there is a failed launch or a failed container',
    async (bench) => {
      const launched = bench.launch({ shell: false, argv: ['/no/such/program'], env: {} });
      const container = await launched.catch((error: { code?: string }) => {
        assert.equal(error.code, 'CONTAINER_LAUNCH_FAILED');
        return undefined;
      });
      if (container !== undefined) assert.notEqual((await container.wait()).code, 0);
    },
  ],
  [
    'when its first process ends, so do all others of a container',
    async (bench) => {
      const container = await bench.launch(sh('sleep 600 & sleep 600 & exit 8'));
      assert.equal((await container.wait()).code, 8);
      await eventually('all have ended', async () => (await bench.processes()) === 0);
    },
  ],
  [
    'a kill reaches every process of a container',
    async (bench) => {
      const container = await bench.launch(
        sh('trap "" TERM; (sleep 600; true) & (sleep 600; true) & echo ready; wait'),
      );
      await container.ready();
      await container.kill(100);
      await container.wait();
      await eventually('all have ended', async () => (await bench.processes()) === 0);
    },
  ],
  [
    'removing a running container ends it',
    async (bench) => {
      const container = await bench.launch(sh('echo ready; sleep 600'));
      await container.ready();
      await bench.containerizer.remove(container.id);
      await eventually('all have ended', async () => (await bench.processes()) === 0);
    },
  ],
  [
    'only the end of a long output of a command is told',
    async (bench, does) => {
      const container = await bench.launch(does.waits(0));
      await container.ready();
      const long = sh(
        'i=0; while [ $i -lt 3000 ]; do echo "line $i of a text that is quite long for a line"; i=$((i + 1)); done',
      );
      const { code, output } = await bench.containerizer.exec(container.id, long, 20_000);
      assert.equal(code, 0);
      assert.ok(output.length <= 65_536 && output.endsWith('line 2999 of a text that is quite long for a line\n'));
      await container.end();
      await container.wait();
    },
  ],
  [
    'a command beside the task sees the task and its sandbox, and has its own environment',
    async (bench, does) => {
      const container = await bench.launch(does.waits(0));
      await container.ready();
      const look = sh('cd "$MESOS_SANDBOX" && cat stdout && echo "$WHO"', { WHO: 'a check' });
      const { output } = await bench.containerizer.exec(container.id, look, 10_000);
      assert.equal(output, 'ready\na check\n');
      await container.end();
      await container.wait();
    },
  ],
];

async function collect(streams: ContainerStreams): Promise<{ stdout: string; stderr: string }> {
  const told = { stdout: '', stderr: '' };
  for await (const { from, data } of streams.output()) told[from] += Buffer.from(data).toString();
  return told;
}

const STREAMS: readonly (readonly [string, Check])[] = [
  [
    'a container with streams reads what is written to it, and what it prints is handed out, all of it',
    async (bench) => {
      const command = sh('cat >&2; seq 1 20000; exit 4');
      const parent = await bench.launch(sh('sleep 600'));
      const container = await bench.launch(command, { streams: {}, parent: parent.id });
      const streams = await bench.containerizer.attach(container.id);
      const told = collect(streams);
      await streams.write(Buffer.from('one\n'));
      await streams.write(Buffer.from('two\n'));
      streams.end();
      assert.equal((await container.wait()).code, 4);
      const { stdout, stderr } = await told;
      assert.equal(stderr, 'one\ntwo\n');
      assert.equal(stdout.split('\n').length, 20_001);
      assert.equal(await container.stdout(), '');
    },
  ],
  [
    'a container with streams waits while nobody takes what it prints, and can be killed then',
    async (bench) => {
      const container = await bench.launch(sh('yes'), { streams: {} });
      await bench.containerizer.signal(container.id, 9);
      assert.equal((await container.wait()).signal, 'SIGKILL');
      const plain = await bench.launch(sh('sleep 600'));
      await assert.rejects(bench.containerizer.attach(plain.id), { code: 'NOT_SUPPORTED' });
      await assert.rejects(bench.containerizer.attach('never-was'), { code: 'CONTAINER_NOT_FOUND' });
    },
  ],
];

const terminal: Check = async (bench) => {
  const command = sh('tty >/dev/null && stty size; read line; stty size; cat; exit 6');
  const container = await bench.launch(command, { streams: { tty: { rows: 10, columns: 40 } } });
  const streams = await bench.containerizer.attach(container.id);
  let told = '';
  const all = (async () => {
    for await (const { data } of streams.output()) told += Buffer.from(data).toString();
  })();
  await eventually('it has its size', async () => told.includes('10 40'));
  await streams.resize({ rows: 20, columns: 50 });
  await streams.write(Buffer.from('go\n'));
  await eventually('it has another size', async () => told.includes('20 50'));
  await streams.write(Buffer.from('hello\n'));
  await eventually('it echoes', async () => told.includes('hello\r\nhello\r\n'));
  await streams.write(Buffer.from([4]));
  assert.equal((await container.wait()).code, 6);
  await all;
};

const outOfSharedMemory: Check = async (bench, does) => {
  const parent = await bench.launch(does.waits(0), { resources: { cpusMilli: 100, memMib: 16 } });
  await bench.containerizer.update(parent.id, { cpusMilli: 200, memMib: 48 });
  const child = await bench.launch(does.eatsMemory(), { parent: parent.id });
  const exit = await child.wait();
  assert.equal(exit.limitation, 'oom');
  assert.match(exit.message, /48 MiB/);
};

const outOfMemory: Check = async (bench, does) => {
  const container = await bench.launch(does.eatsMemory(), { resources: { cpusMilli: 100, memMib: 32 } });
  const exit = await container.wait();
  assert.equal(exit.limitation, 'oom');
  assert.match(exit.message, /32 MiB/);
};
