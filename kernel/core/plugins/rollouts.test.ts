import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Rollouts, type NodeReport, type Release } from './rollouts.js';

const release = (version: string, more: Partial<Release> = {}): Release => ({
  id: 'p',
  version,
  process: 'kernel',
  runsOn: ['agent'],
  ...more,
});
/** By version and configuration. */
const same = (one: Release | undefined, other: Release | undefined): boolean =>
  one?.version === other?.version && one?.config === other?.config;
const PACE = { deadlineMs: 10_000, gateMs: 500 };

type Temper = 'good' | 'bad' | 'mute' | 'lost';

/** Nodes that take what they are given after a while, each in its manner. */
class Model {
  readonly has = new Map<string, Release | undefined>();
  private readonly busyUntil = new Map<string, number>();
  /** Who has said to this leader what it has, and been told what it is to have. */
  private readonly met = new Set<string>();
  rollouts = new Rollouts(PACE);
  atMs = 0;
  mostUnderWay = 0;

  constructor(
    private readonly tempers: ReadonlyMap<string, Temper>,
    readonly from: Release | undefined,
    readonly to: Release | undefined,
    private readonly restarts = true,
  ) {
    for (const node of tempers.keys()) this.has.set(node, from);
    this.rollouts.begin('p', { from, to, phase: 'forward', reason: undefined });
  }

  /** The leader dies; the next one knows what was stored, and hears of all nodes anew. */
  failOver(): void {
    const { phase, reason } = this.rollouts.get('p')!;
    const pending = this.rollouts.pending('p');
    this.rollouts = new Rollouts(PACE);
    this.rollouts.begin('p', { from: this.from, to: this.to, phase, reason }, this.atMs + 2_000, pending);
    this.met.clear();
  }

  run(untilMs: number, failOverAtMs?: number) {
    for (; this.atMs < untilMs; this.atMs += 100) {
      if (this.atMs === failOverAtMs) this.failOver();
      for (const [node, temper] of this.tempers) this.live(node, temper);
      const [end] = this.rollouts.advance(this.atMs);
      if (end) return end;
      const underWay = this.rollouts.turns('p').filter(({ turn }) => turn === 'under way').length;
      this.mostUnderWay = Math.max(this.mostUnderWay, underWay);
    }
    return undefined;
  }

  private live(node: string, temper: Temper): void {
    const wanted = this.met.has(node) ? this.rollouts.releaseFor('p', node) : this.has.get(node);
    if (!same(wanted, this.has.get(node)) && this.restarts) {
      this.has.set(node, wanted);
      this.busyUntil.set(node, this.atMs + 700);
    }
    const isNew = wanted !== undefined && wanted === this.to;
    if ((temper === 'lost' && isNew) || this.atMs < (this.busyUntil.get(node) ?? 0)) return this.rollouts.left(node);
    this.met.add(node);
    this.rollouts.heard(node, this.report(node, temper, wanted), this.atMs);
  }

  private report(node: string, temper: Temper, wanted: Release | undefined): NodeReport {
    const has = this.has.get(node);
    const isNew = has !== undefined && has === this.to;
    const state = !isNew || temper === 'good' ? 'active' : temper === 'bad' ? 'failed' : 'configured';
    const next = same(wanted, has) ? {} : { next: wanted?.version ?? 'none' };
    const config = (wanted ?? has)?.config;
    const plugins = has ? [{ id: 'p', version: has.version, state, ...next, ...(config && { config }) } as const] : [];
    return { kind: 'agent', leads: false, restarts: this.restarts, plugins };
  }
}

const nodes = (count: number, temper: (i: number) => Temper = () => 'good') =>
  new Map(Array.from({ length: count }, (_, i) => [`n${String(i).padStart(3, '0')}`, temper(i)] as const));
const versions = (model: Model) => new Set([...model.has.values()].map((one) => one?.version ?? 'none'));

describe('a rollout', () => {
  const [one, two] = [release('1.0.0'), release('2.0.0')];
  const [red, blue] = [release('1.0.0', { config: 'red' }), release('1.0.0', { config: 'blue' })];

  test('ends with the new release everywhere when every node is well with it', () => {
    const model = new Model(nodes(7), one, two);
    expect(model.run(60_000)).toEqual({ id: 'p', release: two, reason: undefined });
    expect(versions(model)).toEqual(new Set(['2.0.0']));
    expect(model.mostUnderWay).toBe(1);
  });

  test('tries one node first, and a twentieth of them at a time after that', () => {
    const model = new Model(nodes(100), one, two);
    model.run(1_000);
    expect([...model.has.values()].filter((has) => has === two)).toHaveLength(1);
    expect(model.run(120_000)).toMatchObject({ release: two });
    expect(model.mostUnderWay).toBe(5);
  });

  test.each([
    ['fails', 'bad', /^n003: it failed/],
    ['does not become active', 'mute', /^n003: it was not active after 10 s/],
    ['does not come back', 'lost', /^n003: it did not come back/],
  ] as const)('is taken back everywhere when it %s on one node', (_, temper, reason) => {
    const model = new Model(
      nodes(6, (i) => (i === 3 ? temper : 'good')),
      one,
      two,
    );
    expect(model.run(120_000)).toEqual({ id: 'p', release: one, reason: expect.stringMatching(reason) as string });
    expect(versions(model)).toEqual(new Set(['1.0.0']));
  });

  test('of a plugin that is new stops at the first node that is not well, which loses it again', () => {
    const model = new Model(
      nodes(4, () => 'bad'),
      undefined,
      one,
    );
    expect(model.run(60_000)).toMatchObject({ release: undefined });
    expect(versions(model)).toEqual(new Set(['none']));
    expect(model.mostUnderWay).toBe(1);
  });

  test('of another configuration goes its way as one of another version', () => {
    const model = new Model(nodes(7), red, blue);
    model.run(1_000);
    expect([...model.has.values()].filter((has) => has === blue)).toHaveLength(1);
    expect(model.run(60_000)).toEqual({ id: 'p', release: blue, reason: undefined });
    expect(new Set(model.has.values())).toEqual(new Set([blue]));
    expect(model.mostUnderWay).toBe(1);
    const bad = new Model(
      nodes(3, (i) => (i === 1 ? 'bad' : 'good')),
      red,
      blue,
    );
    expect(bad.run(60_000)).toMatchObject({ release: red, reason: 'n001: it failed' });
    expect(new Set(bad.has.values())).toEqual(new Set([red]));
  });

  test('of a removal takes it from all', () => {
    const model = new Model(nodes(4), one, undefined);
    expect(model.run(60_000)).toEqual({ id: 'p', release: undefined, reason: undefined });
    expect(versions(model)).toEqual(new Set(['none']));
  });

  test('waits for nobody who is started again by hand', () => {
    const model = new Model(nodes(4), one, two, false);
    expect(model.run(60_000)).toMatchObject({ release: two, reason: undefined });
    expect(versions(model)).toEqual(new Set(['1.0.0']));
  });

  test('turns back at the word of an operator, once', () => {
    const model = new Model(nodes(6), one, two);
    model.run(5_000);
    expect(model.rollouts.turnBack('p', 'by admin')).toBe(true);
    expect(model.rollouts.turnBack('p', 'again')).toBe(false);
    expect(model.run(60_000)).toMatchObject({ release: one, reason: 'by admin' });
    expect(versions(model)).toEqual(new Set(['1.0.0']));
  });

  test('blames nothing on the new release where the old one was ill already', () => {
    const rollouts = new Rollouts(PACE);
    rollouts.begin('p', { from: one, to: two, phase: 'forward', reason: undefined });
    const says = (version: string): NodeReport => ({
      ...{ kind: 'agent', leads: false, restarts: true },
      plugins: [{ id: 'p', version, state: 'degraded', reason: 'no engine' }],
    });
    for (let atMs = 0; atMs < 20_000; atMs += 100) {
      rollouts.heard('n', says(rollouts.releaseFor('p', 'n')!.version), atMs);
      const [end] = rollouts.advance(atMs);
      if (end) return expect(end).toMatchObject({ release: two, reason: undefined });
    }
    expect.unreachable();
  });

  test('gives the leading master its turn last', () => {
    const everywhere = { process: 'own', runsOn: ['master'] } as const;
    const rollouts = new Rollouts(PACE);
    const [from, to] = [release('1.0.0', everywhere), release('2.0.0', everywhere)];
    rollouts.begin('p', { from, to, phase: 'forward', reason: undefined });
    const order: string[] = [];
    for (let atMs = 0; atMs < 60_000 && rollouts.underWay; atMs += 100) {
      for (const node of ['a', 'b', 'c']) {
        const { version } = rollouts.releaseFor('p', node)!;
        if (version === '2.0.0' && !order.includes(node)) order.push(node);
        const plugins = [{ id: 'p', version, state: 'active' as const }];
        rollouts.heard(node, { kind: 'master', leads: node === 'a', restarts: true, plugins }, atMs);
      }
      rollouts.advance(atMs);
    }
    expect(order).toEqual(['b', 'c', 'a']);
  });

  test('whatever the nodes do and whenever the leader changes, it ends, with one release on all that answer', () => {
    const temper = fc.constantFrom<Temper>('good', 'good', 'good', 'good', 'bad', 'mute', 'lost');
    fc.assert(
      fc.property(
        fc.array(temper, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 300 }).map((tenths) => tenths * 100),
        fc.constantFrom([one, two], [undefined, one], [one, undefined], [red, blue], [red, two] as const),
        (tempers, failOverAtMs, [from, to]) => {
          const model = new Model(
            nodes(tempers.length, (i) => tempers[i]!),
            from,
            to,
          );
          const end = model.run(600_000, failOverAtMs);
          expect(end).toBeDefined();
          const isGood = to === undefined || tempers.every((one) => one === 'good');
          expect(end?.release).toBe(isGood ? to : from);
          const answering = [...model.has].filter(([node]) => tempers[Number(node.slice(1))] !== 'lost');
          for (const [, has] of answering) expect(has).toEqual(end?.release);
        },
      ),
      { numRuns: 300 },
    );
  });
});
