import { expect, test } from 'vitest';
import type { Scrape } from '../../points/metrics-sink.js';
import { FakeMetricsSink } from '../../testing/fake-sinks.js';
import { VirtualTime } from '../../testing/virtual-time.js';
import type { HttpAnswer, HttpCall } from './cluster-http.js';
import { MetricsDriver } from './metrics-driver.js';
import { Scraper } from './scraper.js';

type Answer = string | number | Error | (() => Promise<never>);

/** A cluster whose daemons answer by a script: agents `S0`, `S1` and so on, at 10.0.0.N. */
class Web {
  readonly asked: string[] = [];
  readonly answers = new Map<string, Answer>();
  underWay = 0;
  most = 0;

  constructor(public agents: number) {}

  readonly http = async (url: string, { body }: HttpCall): Promise<HttpAnswer> => {
    this.asked.push(url);
    this.most = Math.max(this.most, ++this.underWay);
    try {
      await Promise.resolve();
      const answer = this.answers.get(url) ?? (body === undefined ? this.usual(url) : this.list());
      if (typeof answer === 'function') await answer();
      if (answer instanceof Error) throw answer;
      const leader = body === undefined ? url : 'http://10.9.9.9:5050/api/v1';
      return { url: leader, status: typeof answer === 'number' ? answer : 200, text: String(answer) };
    } finally {
      this.underWay--;
    }
  };

  private list(): string {
    const agents = Array.from({ length: this.agents }, (_, i) => ({
      agent_info: { id: { value: `S${i}` }, hostname: 'h' },
      ...{ active: true, version: '1', pid: `slave(1)@10.0.0.${i}:5051` },
    }));
    return JSON.stringify({ type: 'GET_AGENTS', get_agents: { agents } });
  }

  private usual(url: string): Answer {
    if (url.endsWith('/metrics')) return '# TYPE up gauge\nup 1\n';
    return 401;
  }
}

function world(agents = 2, intervalSeconds = 10) {
  const time = new VirtualTime();
  const web = new Web(agents);
  const sink = new FakeMetricsSink(intervalSeconds);
  const stop = new AbortController();
  const troubles = new Map<string, string>();
  const trouble = (about: string, reason: string | undefined): void =>
    void (reason === undefined ? troubles.delete(about) : troubles.set(about, reason));
  const parts = { clock: time, signal: stop.signal, trouble };
  const driver = new MetricsDriver(sink, new Scraper('http://127.0.0.1:5050', web.http), parts);
  return { time, web, sink, stop, driver, trouble: () => [...troubles.values()].join() };
}

const idsOf = (scrapes: readonly Scrape[]): string[] =>
  scrapes.map(({ target: { kind, id } }) => `${kind} ${id}`).sort();

test('the leading master and its agents are asked each interval', async () => {
  const { time, web, sink, stop, driver, trouble } = world();
  const ended = driver.run();
  await time.advance(1000);
  expect(idsOf(sink.scrapes)).toEqual(['agent S0', 'agent S1', 'master 10.9.9.9:5050']);
  const sample = { name: 'up', labels: {}, value: 1, type: 'gauge', timestampMs: Date.UTC(2026, 0, 1) };
  expect(sink.scrapes[0]).toEqual({
    target: { kind: 'master', id: '10.9.9.9:5050', url: 'http://10.9.9.9:5050/metrics' },
    samples: [sample],
  });
  await time.advance(20_000);
  expect(sink.scrapes).toHaveLength(9);
  expect(web.asked.filter((url) => url.endsWith('/api/v1'))).toHaveLength(1);
  web.agents = 3;
  await time.advance(10_000);
  expect(idsOf(sink.scrapes.slice(9))).toContain('agent S2');
  expect(trouble()).toBe('');
  stop.abort();
  await ended;
});

test('plugins of a daemon are asked where the token lets it know them', async () => {
  const { time, web, sink, driver } = world(1);
  const plugins = [
    { id: 'dns', state: 'active' },
    { id: 'dead', state: 'failed' },
    { id: 'a/../b', state: 'degraded' },
  ];
  web.answers.set('http://10.0.0.0:5051/plugins/v1/plugins', JSON.stringify({ plugins }));
  void driver.run();
  await time.advance(1000);
  expect(idsOf(sink.scrapes)).toEqual(['agent S0', 'master 10.9.9.9:5050', 'plugin S0/a%2F..%2Fb', 'plugin S0/dns']);
  expect(web.asked).toContain('http://10.0.0.0:5051/plugins/v1/plugins/dns/metrics');
});

test('who does not answer, refuses, or tells nonsense is told as a problem', async () => {
  const { time, web, sink, driver, trouble } = world(4);
  web.answers.set('http://10.0.0.0:5051/metrics', new Error('connect ECONNREFUSED'));
  web.answers.set('http://10.0.0.1:5051/metrics', 403);
  web.answers.set('http://10.0.0.2:5051/metrics', '<html>\nup 2\n');
  web.answers.set('http://10.0.0.3:5051/plugins/v1/plugins', '{"plugins": 7}');
  void driver.run();
  await time.advance(1000);
  const problems = Object.fromEntries(
    sink.scrapes.map(({ target, problem, samples }) => [target.id, [problem, samples.length]]),
  );
  expect(problems).toEqual({
    S0: ['connect ECONNREFUSED', 0],
    S1: ['it answers 403', 0],
    S2: ['1 lines were left out', 1],
    S3: [undefined, 1],
    '10.9.9.9:5050': [undefined, 1],
  });
  expect(trouble()).toBe(
    'metrics-sink.v1: these do not tell all: agent S0 (connect ECONNREFUSED), agent S1 (it answers 403), agent S2 (1 lines were left out)',
  );
  web.answers.clear();
  await time.advance(10_000);
  expect(trouble()).toBe('');
});

test('while nobody leads, that is told, and asked again', async () => {
  const { time, web, sink, driver, trouble } = world(1);
  const url = 'http://127.0.0.1:5050/api/v1';
  web.answers.set(url, 503);
  void driver.run();
  await time.advance(15_000);
  expect(trouble()).toBe('metrics-sink.v1: it is not known whom to ask: the list of agents is answered with 503: 503');
  web.answers.delete(url);
  await time.advance(10_000);
  expect([idsOf(sink.scrapes), trouble()]).toEqual([['agent S0', 'master 10.9.9.9:5050'], '']);
});

test('many daemons are asked a few at a time, and brought in small batches', async () => {
  const { time, web, sink, driver } = world(1000);
  const lengths: number[] = [];
  const { write } = sink;
  sink.write = (scrapes) => (lengths.push(scrapes.length), write.call(sink, scrapes));
  void driver.run();
  for (let i = 0; i < 500; i++) await time.settle();
  expect(sink.scrapes).toHaveLength(1001);
  expect(web.most).toBeLessThanOrEqual(16);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(48);
  expect(sink.most).toBe(1);
});

test('what a sink does not take within the interval is dropped, and said to be', async () => {
  const { time, sink, driver, trouble } = world(1);
  sink.failure = new Error('away');
  void driver.run();
  await time.advance(19_000);
  expect(trouble()).toBe('metrics-sink.v1: it fails, and what it was given is dropped: away');
  sink.failure = undefined;
  await time.advance(20_000);
  expect(trouble()).toBe('');
  expect(sink.scrapes).toHaveLength(4);
});

test('a sink that hangs stops the asking too: nothing piles up', async () => {
  const { time, web, sink, stop, driver, trouble } = world(500);
  sink.gate = new Promise(() => {});
  const ended = driver.run();
  await time.advance(600_000);
  expect(sink.running).toBe(1);
  expect(web.asked.length).toBeLessThan(200);
  expect(trouble()).toBe('metrics-sink.v1: a call has not ended within 30 s');
  stop.abort();
  await ended;
});

test('an interval that would ask all day is refused', () => {
  for (const seconds of [0, 0.5, -1, NaN, Infinity, 90_000])
    expect(() => world(1, seconds)).toThrow(/intervalSeconds of a metrics sink is/);
});
