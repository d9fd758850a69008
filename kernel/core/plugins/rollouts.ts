import type { PluginStatus, RunsOn } from '@mezzo/sdk/contract';

/** One version of a plugin, as far as its way through the cluster goes. */
export interface Release {
  readonly id: string;
  readonly version: string;
  readonly process: PluginStatus['process'];
  readonly runsOn: readonly RunsOn[];
  /** Digest of its configuration, where another one is brought to nodes as another version is. */
  readonly config?: string | undefined;
}

/** What a node says of itself. */
export interface NodeReport {
  readonly kind: RunsOn;
  /** The leading master: its turn comes last, since all ends and begins anew when it restarts. */
  readonly leads: boolean;
  /** Somebody starts it again when it ends. */
  readonly restarts: boolean;
  readonly plugins: readonly Pick<PluginStatus, 'id' | 'version' | 'state' | 'reason' | 'next' | 'config'>[];
}

/** From one release to another, node by node; `undefined` stands for none of what operators installed. */
export interface Rollout {
  readonly from: Release | undefined;
  readonly to: Release | undefined;
  /** `back` once a node was not well with the new one, or an operator said so. */
  phase: 'forward' | 'back';
  reason: string | undefined;
}

export interface RolloutEnd {
  readonly id: string;
  /** The release that all nodes have now. */
  readonly release: Release | undefined;
  /** Why it was taken back. */
  readonly reason: string | undefined;
}

export interface Pace {
  /** A node has so long to be well with what it was given, its restart included. */
  readonly deadlineMs: number;
  /** So long it has to stay well before the next ones are given it. */
  readonly gateMs: number;
}
export const PACE: Pace = { deadlineMs: 90_000, gateMs: 2_000 };

/** Of those that can take it: so many at once when the first has stood the test. */
const WIDTH = 20;

interface Turn {
  readonly sinceMs: number;
  wellSinceMs?: number | undefined;
  passed: boolean;
  /** It was not well before: what it was given cannot be blamed. */
  readonly wasIll?: boolean;
}

interface Course extends Rollout {
  readonly notBeforeMs: number;
  /** Nodes that were given the new release. */
  readonly given: Map<string, Turn>;
  /** Of those, the ones that were told to go back. */
  readonly returned: Map<string, Turn>;
}

/**
 * Brings releases of plugins to the nodes of a cluster in waves: one node first, more when it has been well for a while; back to what was
 * there before as soon as one is not. Knows what nodes say, and nothing of how they are told. Time is given, in milliseconds.
 */
export class Rollouts {
  private readonly courses = new Map<string, Course>();
  private readonly nodes = new Map<string, NodeReport>();

  constructor(private readonly pace: Pace = PACE) {}

  /**
   * One that is under way goes on under the next leader: who has which release is seen by what nodes say, for which they get time until
   * `notBeforeMs`. Of those that `pending` named to the leader before, it is known without.
   */
  begin(id: string, rollout: Rollout, notBeforeMs = 0, pending: readonly string[] = []): void {
    const given = new Map(pending.map((node): [string, Turn] => [node, { sinceMs: notBeforeMs, passed: false }]));
    this.courses.set(id, { ...rollout, notBeforeMs, given, returned: new Map() });
  }

  /** Nodes that have been given something and are not known to be well with it: to be remembered before they are told. */
  pending(id: string): string[] {
    const { given, returned } = this.courses.get(id) ?? {};
    const names = [...(given ?? [])].filter(([node, { passed }]) => !passed && returned?.get(node)?.passed !== true);
    return names.map(([node]) => node).sort();
  }

  get(id: string): Rollout | undefined {
    return this.courses.get(id);
  }

  get underWay(): boolean {
    return this.courses.size > 0;
  }

  /** Takes one back, for instance at an operator's word. False: there is none that goes forward. */
  turnBack(id: string, reason: string): boolean {
    const course = this.courses.get(id);
    if (course?.phase !== 'forward') return false;
    course.phase = 'back';
    course.reason = reason;
    return true;
  }

  heard(node: string, report: NodeReport, atMs: number): void {
    this.nodes.set(node, report);
    for (const course of this.courses.values())
      if (!course.given.has(node) && this.concerns(course, report) && has(report, course))
        course.given.set(node, { sinceMs: atMs, passed: false });
  }

  /** It does not answer any more; it may come back. */
  left(node: string): void {
    this.nodes.delete(node);
  }

  /** What a node is to have of a plugin that is being rolled out. */
  releaseFor(id: string, node: string): Release | undefined {
    const course = this.courses.get(id);
    const isNew = course?.given.has(node) === true && !course.returned.has(node);
    return isNew ? course.to : course?.from;
  }

  /** Where each node stands. */
  turns(id: string): { readonly node: string; readonly turn: 'waiting' | 'under way' | 'done' }[] {
    const course = this.courses.get(id);
    if (course === undefined) return [];
    const turns = course.phase === 'forward' ? course.given : course.returned;
    return this.concerned(course).map((node) => {
      const turn = turns.get(node);
      return { node, turn: turn === undefined ? 'waiting' : turn.passed ? 'done' : 'under way' };
    });
  }

  /** Moves on what can; answers those that are over. */
  advance(atMs: number): RolloutEnd[] {
    const ends: RolloutEnd[] = [];
    for (const [id, course] of this.courses) {
      if (atMs < course.notBeforeMs) continue;
      if (course.phase === 'forward') this.forward(course, atMs);
      if (course.phase === 'back') this.back(course, atMs);
      if (!this.isOver(course)) continue;
      this.courses.delete(id);
      const { phase, from, to, reason } = course;
      ends.push({ id, release: phase === 'forward' ? to : from, reason: phase === 'back' ? reason : undefined });
    }
    return ends;
  }

  private forward(course: Course, atMs: number): void {
    for (const [node, turn] of course.given) {
      const trouble = this.look(course, course.to, node, turn, atMs);
      if (trouble === undefined) continue;
      course.phase = 'back';
      course.reason = `${node}: ${trouble}`;
      return;
    }
    const waiting = this.concerned(course).filter((node) => !course.given.has(node));
    this.nextWave(course, waiting, course.given, atMs);
  }

  private back(course: Course, atMs: number): void {
    for (const [node, turn] of course.returned)
      // There is nothing left to go back to: the operator reads of it in the list.
      if (this.look(course, course.from, node, turn, atMs) !== undefined) turn.passed = true;
    const waiting = [...course.given.keys()].filter((node) => !course.returned.has(node));
    const restarts = (course.to ?? course.from)?.process === 'kernel';
    if (restarts) this.nextWave(course, waiting, course.returned, atMs);
    else for (const node of waiting) course.returned.set(node, { sinceMs: atMs, passed: false });
  }

  /** Notes whether the node is well with the release; answers what is wrong. */
  private look(
    course: Course,
    release: Release | undefined,
    node: string,
    turn: Turn,
    atMs: number,
  ): string | undefined {
    if (turn.passed) return undefined;
    const report = this.nodes.get(node);
    const found = report === undefined ? 'coming' : healthOf(report, release, course);
    const health = turn.wasIll === true && typeof found === 'object' ? 'well' : found;
    if (health === 'well') {
      turn.wellSinceMs ??= atMs;
      turn.passed = atMs - turn.wellSinceMs >= this.pace.gateMs;
      return undefined;
    }
    turn.wellSinceMs = undefined;
    if (health !== 'coming') return health.failed;
    if (atMs - turn.sinceMs < this.pace.deadlineMs) return undefined;
    turn.passed = turn.wasIll === true && report !== undefined;
    if (turn.passed) return undefined;
    return report === undefined ? 'it did not come back' : `it was not active after ${this.pace.deadlineMs / 1000} s`;
  }

  private nextWave(course: Course, waiting: readonly string[], turns: Map<string, Turn>, atMs: number): void {
    const passed = [...turns.values()].filter((turn) => turn.passed).length;
    const underWay = turns.size - passed;
    const width = passed === 0 ? 1 : Math.max(1, Math.floor(this.concerned(course).length / WIDTH));
    const [leader, others] = [waiting.filter((n) => this.leads(n)), waiting.filter((n) => !this.leads(n))];
    const next = others.length > 0 || underWay > 0 ? others : leader;
    for (const node of next.slice(0, Math.max(0, width - underWay)))
      turns.set(node, { sinceMs: atMs, passed: false, wasIll: this.isIll(course, node) });
  }

  private isOver(course: Course): boolean {
    const over = (turns: ReadonlyMap<string, Turn>, nodes: Iterable<string>): boolean =>
      [...nodes].every((node) => turns.get(node)?.passed) && [...turns.values()].every(({ passed }) => passed);
    if (course.phase === 'forward') return over(course.given, this.concerned(course));
    return over(course.returned, course.given.keys());
  }

  private isIll(course: Course, node: string): boolean {
    const { from, phase } = course;
    const said = this.nodes.get(node)?.plugins.find(({ id }) => id === from?.id);
    return (
      phase === 'forward' && said?.version === from?.version && (said?.state === 'failed' || said?.state === 'degraded')
    );
  }

  private leads(node: string): boolean {
    return this.nodes.get(node)?.leads === true;
  }

  private concerns({ from, to }: Rollout, { kind }: NodeReport): boolean {
    return from?.runsOn.includes(kind) === true || to?.runsOn.includes(kind) === true;
  }

  /** Nodes that are there, in the order of their names. */
  private concerned(course: Rollout): string[] {
    return [...this.nodes].flatMap(([node, report]) => (this.concerns(course, report) ? [node] : [])).sort();
  }
}

/** Whether a node that we know nothing of has got the new release from an earlier leader. */
function has(report: NodeReport, { from, to }: Rollout): boolean {
  const said = report.plugins.find(({ id }) => id === (to ?? from)?.id);
  if (to === undefined) return said?.next === 'none' || said?.version !== from?.version;
  return said !== undefined && isAt(said, to);
}

/** It has the release, or will at its next start. Whoever says nothing of configuration goes by versions alone. */
const isAt = (said: NodeReport['plugins'][number], { version, config }: Release): boolean =>
  (said.next ?? said.version) === version && (said.config ?? config) === (config ?? said.config);

type Health = 'well' | 'coming' | { readonly failed: string };

function healthOf(report: NodeReport, release: Release | undefined, { from, to }: Rollout): Health {
  const other = release === to ? from : to;
  const said = report.plugins.find(({ id }) => id === (release ?? other)?.id);
  // Whoever is started again by hand has done what it can.
  if (said?.next !== undefined && report.restarts) return 'coming';
  if (release === undefined || !release.runsOn.includes(report.kind))
    return said === undefined || said.next === 'none' || said.version !== other?.version ? 'well' : 'coming';
  if (said === undefined || !isAt(said, release)) return 'coming';
  if (said.next !== undefined) return 'well';
  if (said.state === 'failed') return { failed: said.reason ?? 'it failed' };
  // A process that died shows itself as degraded while it is started again; one that says so itself is not what was wished for either.
  return said.state === 'active' || said.state === 'skipped' || said.state === 'stopped' ? 'well' : 'coming';
}
