import assert from 'node:assert/strict';
import type { DiscoverySink, RunningTask, RunningTaskChange } from '../points/discovery-sink.js';
import type { Law } from './containerizer-suite.js';
import { lawsAbout } from './sink-law.js';

export interface DiscoverySinkSuiteOptions {
  /** A sink of its own for each law, which shows nothing yet. */
  create(): Promise<DiscoverySinkUnderTest>;
  /** Why it cannot be made to fail, if that is so: the law about failures is skipped. */
  readonly unbreakable?: string;
}

export interface DiscoverySinkUnderTest {
  readonly sink: DiscoverySink;
  /** What whoever looks up tasks finds now, by the tasks' keys and in any order. */
  shown(): Promise<readonly ShownTask[]>;
  /** Makes it fail; the answer ends that. */
  breakIt?(): Promise<() => Promise<void>>;
  /** As when its plugin is started again: another sink where this one has shown something. */
  reopen(): Promise<DiscoverySink>;
  close(): Promise<void>;
}

export interface ShownTask {
  readonly key: string;
  /** The first one. */
  readonly address: string;
}

type Check = (under: DiscoverySinkUnderTest, calls: Calls) => Promise<void>;

interface Calls {
  replace(...tasks: RunningTask[]): Promise<void>;
  change(change: Partial<RunningTaskChange>): Promise<void>;
  /** Nothing but these is shown: keys with addresses. */
  shows(expected: Readonly<Record<string, string>>): Promise<void>;
}

/** What every discovery sink promises. The caller hands each law to its test runner. */
export function discoverySinkSuite({ create, unbreakable }: DiscoverySinkSuiteOptions): Law[] {
  const about = lawsAbout(create);
  const law = (title: string, check: Check, skip?: string): Law =>
    about(title, (under) => check(under, callsOf(under)), skip);
  return [
    law('what runs is shown, and nothing else', async (_, { replace, shows }) => {
      await replace();
      await shows({});
      await replace(task('a'), task('b', '10.0.0.2'));
      await shows({ 'F1/a': '10.0.0.1', 'F1/b': '10.0.0.2' });
      await replace(task('b', '10.0.0.3'), task('c'));
      await shows({ 'F1/b': '10.0.0.3', 'F1/c': '10.0.0.1' });
      await replace();
      await shows({});
    }),
    law('to be told the same twice changes nothing', async (_, { replace, change, shows }) => {
      for (let time = 0; time < 2; time++) await replace(task('a'), task('b'));
      for (let time = 0; time < 2; time++) await change({ put: [task('c')], removed: [task('a')] });
      await shows({ 'F1/b': '10.0.0.1', 'F1/c': '10.0.0.1' });
    }),
    law('changes add, correct and take away', async (_, { replace, change, shows }) => {
      await replace(task('a'), task('b'));
      await change({ put: [task('a', '10.0.0.9'), task('c')], removed: [task('b')] });
      await shows({ 'F1/a': '10.0.0.9', 'F1/c': '10.0.0.1' });
      await change({ removed: [task('a'), task('c')] });
      await shows({});
    }),
    law('what was never there may be taken away', async (_, { replace, change, shows }) => {
      await replace(task('a'));
      await change({ removed: [task('who')] });
      await shows({ 'F1/a': '10.0.0.1' });
    }),
    law('tasks of the same name are told apart', async (_, { replace, change, shows }) => {
      const other = { ...task('a'), key: 'F2/a', framework: { id: 'F2', name: 'marathon' } };
      await replace(task('a'), other);
      await shows({ 'F1/a': '10.0.0.1', 'F2/a': '10.0.0.1' });
      await change({ removed: [task('a')] });
      await shows({ 'F2/a': '10.0.0.1' });
    }),
    law('names, labels and addresses of all kinds harm no others', async (_, { replace, shows }) => {
      const odd = ['\n', '\r\n127.0.0.1 evil', '"', '\\', '<b>', '../../x', '𝔘', '\u0000', 'x'.repeat(10_000)];
      const made = odd.map((text, i) => ({
        ...task(`odd${i}`),
        name: text,
        framework: { id: 'F1', name: text },
        labels: { [text]: text },
        ports: [{ number: 80, name: text, protocol: text }],
      }));
      const bare = { ...task('bare'), name: '', ports: [], addresses: ['db.example.com'] };
      await replace(task('a'), ...made, bare, task('z'));
      const others = Object.fromEntries(made.map(({ key }) => [key, '10.0.0.1']));
      await shows({ ...others, 'F1/a': '10.0.0.1', 'F1/bare': 'db.example.com', 'F1/z': '10.0.0.1' });
    }),
    law('ten thousand are shown as one is', async (_, { replace, change, shows }) => {
      const many = Array.from({ length: 10_000 }, (_, i) => task(`t${i}`));
      await replace(...many);
      await change({ removed: many.slice(1) });
      await shows({ 'F1/t0': '10.0.0.1' });
    }),
    law(
      'one that begins anew shows what it is told, not what the one before had shown',
      async (under, { replace, shows }) => {
        await replace(task('old'), task('both'));
        const next = await under.reopen();
        await next.replace([task('both'), task('new')], new AbortController().signal);
        await shows({ 'F1/both': '10.0.0.1', 'F1/new': '10.0.0.1' });
      },
    ),
    law(
      'while it cannot show anything it rejects, and what it is told next mends all',
      async (under, calls) => {
        assert.ok(under.breakIt, 'it cannot be made to fail, and nothing says why');
        await calls.replace(task('a'));
        const mend = await under.breakIt();
        await assert.rejects(
          calls.change({ put: [task('b')], removed: [task('a')] }),
          'it resolved what it cannot have shown',
        );
        await mend();
        await calls.replace(task('c'));
        await calls.shows({ 'F1/c': '10.0.0.1' });
      },
      unbreakable,
    ),
  ];
}

function callsOf(under: DiscoverySinkUnderTest): Calls {
  const { signal } = new AbortController();
  return {
    replace: async (...tasks) => under.sink.replace(tasks, signal),
    change: async ({ put = [], removed = [] }) => under.sink.change({ put, removed }, signal),
    shows: async (expected) => {
      const shown = await under.shown();
      assert.equal(new Set(shown.map(({ key }) => key)).size, shown.length, 'a task is shown twice');
      assert.deepEqual(Object.fromEntries(shown.map(({ key, address }) => [key, address])), expected);
    },
  };
}

const task = (id: string, address = '10.0.0.1'): RunningTask => ({
  ...{ key: `F1/${id}`, id, name: id, framework: { id: 'F1', name: 'marathon' } },
  ...{ agent: { id: 'S1', host: '10.0.0.1' }, addresses: [address], labels: {} },
  ports: [{ number: 31000, name: 'http', protocol: 'tcp' }],
});
