import assert from 'node:assert/strict';
import type { MetricSample, MetricsSink, Scrape } from '../points/metrics-sink.js';
import type { Law } from './containerizer-suite.js';
import { lawsAbout } from './sink-law.js';

export interface MetricsSinkSuiteOptions {
  /** A sink of its own for each law. */
  create(): Promise<MetricsSinkUnderTest>;
  /** Why it cannot be made to fail, if that is so: the law about failures is skipped. */
  readonly unbreakable?: string;
}

export interface MetricsSinkUnderTest {
  readonly sink: MetricsSink;
  /** What has arrived where it brings them, in any order. Waits for what is on its way. */
  arrived(): Promise<readonly ArrivedSample[]>;
  /** Makes it fail; the answer ends that. */
  breakIt?(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export interface ArrivedSample {
  readonly name: string;
  /** Undefined where the destination has no such number: NaN, infinite. */
  readonly value: number | undefined;
}

type Check = (under: MetricsSinkUnderTest, write: (...scrapes: Scrape[]) => Promise<void>) => Promise<void>;

const ODD = ['', ' ', '\n', '"', '\\', ',', '=', '|', ':', '#', 'a b', '𝔘', '\u0000', 'x'.repeat(5000)];

/** What every metrics sink promises. The caller hands each law to its test runner. */
export function metricsSinkSuite({ create, unbreakable }: MetricsSinkSuiteOptions): Law[] {
  const about = lawsAbout(create);
  const law = (title: string, check: Check, skip?: string): Law =>
    about(
      title,
      (under) => check(under, async (...scrapes) => under.sink.write(scrapes, new AbortController().signal)),
      skip,
    );
  return [
    law('its interval is one that it may have', async ({ sink: { intervalSeconds } }) =>
      assert.ok(intervalSeconds >= 1 && intervalSeconds <= 86_400, `${intervalSeconds} s`),
    ),
    law('each sample arrives once, with its name and value', async (under, write) => {
      await write(scrape('m', sample('up', 1), sample('load', 0.25)), scrape('a', sample('down', 0)));
      await write(scrape('m', sample('later', -3)));
      assert.deepEqual(sorted(await under.arrived()), [
        ['down', 0],
        ['later', -3],
        ['load', 0.25],
        ['up', 1],
      ]);
    }),
    law('who told nothing, and why, is no failure', async (under, write) => {
      await write({ ...scrape('gone'), problem: 'it does not answer' });
      await write(scrape('m', sample('up', 1)));
      assert.ok((await under.arrived()).some(({ name }) => name === 'up'));
    }),
    law('numbers that are none harm no others', async (under, write) => {
      await write(
        scrape(
          'm',
          sample('a', NaN),
          sample('b', Infinity),
          sample('c', -Infinity),
          sample('d', 1e300),
          sample('e', 5),
        ),
      );
      const arrived = await under.arrived();
      assert.ok(arrived.some(({ name, value }) => name === 'e' && value === 5));
      for (const { value } of arrived) assert.ok(value === undefined || !Number.isNaN(value));
    }),
    law('labels of all kinds harm no others, and make no samples that nobody told', async (under, write) => {
      const odd = ODD.map((text, i) => ({ ...sample(`odd${i}`, i), labels: { label: text } }));
      await write(scrape('m', sample('before', 1), ...odd, sample('after', 2)));
      const told = new Map<string, number | undefined>((await under.arrived()).map(({ name, value }) => [name, value]));
      assert.deepEqual([told.get('before'), told.get('after')], [1, 2]);
      for (const name of told.keys()) assert.match(name, /^(?:before|after|odd\d+)$/);
    }),
    law('thousands at once arrive as few do', async (under, write) => {
      const many = Array.from({ length: 3000 }, (_, i) => sample(`n${i}`, i));
      await write(scrape('m', ...many));
      assert.equal(new Set((await under.arrived()).map(({ name }) => name)).size, 3000);
    }),
    law(
      'while nothing arrives it rejects, and goes on when something does again',
      async (under, write) => {
        assert.ok(under.breakIt, 'it cannot be made to fail, and nothing says why');
        const mend = await under.breakIt();
        await assert.rejects(write(scrape('m', sample('up', 1))), 'it resolved what cannot have arrived');
        await mend();
        await write(scrape('m', sample('up', 1)));
        assert.ok((await under.arrived()).some(({ name }) => name === 'up'));
      },
      unbreakable,
    ),
  ];
}

const sample = (name: string, value: number): MetricSample => ({
  ...{ name, value, labels: {}, timestampMs: Date.UTC(2026, 0, 1), type: 'gauge' },
});

const scrape = (id: string, ...samples: MetricSample[]): Scrape => ({
  target: { kind: 'master', id, url: 'http://127.0.0.1:5050/metrics' },
  samples,
});

const sorted = (arrived: readonly ArrivedSample[]): unknown[] =>
  arrived.map(({ name, value }) => [name, value]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
