import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { messageOf, type Logger, type PluginStatus, type RunsOn } from '@mezzo/sdk/contract';
import { PACE, Rollouts, type NodeReport, type Pace, type Release, type Rollout } from '../core/plugins/rollouts.js';
import type { PluginRecord, PluginRecords } from './records.js';
import type { PluginPackage } from './registry.js';
import { configDigest, prunePackages, wireOf, type Wanted } from './wanted.js';

/** What a node says of itself, again after each change. */
export interface NodeSays {
  /** host:port of its API. */
  readonly node: string;
  readonly kind: RunsOn;
  readonly restarts: boolean;
  readonly plugins: readonly PluginStatus[];
  /** Names of the packages that it has. */
  readonly holds: readonly string[];
  /** Digest of what it was told last. */
  readonly seen: string;
}

export interface NodeRow extends Pick<NodeSays, 'node' | 'kind' | 'plugins'> {
  readonly leads: boolean;
}

export interface Told {
  readonly digest: string;
  /** Undefined: nothing has changed since `seen`. */
  readonly wanted?: Wanted;
  /** Names of packages that the leader lacks. */
  readonly send: readonly string[];
}

const ADVANCE_EVERY_MS = 100;
/** A node that has not asked for so long is gone. */
const GONE_AFTER_MS = 90_000;
/** Under a new leader: until nodes have found it and said what they have. */
const GATHER_MS = 10_000;
const MAX_NODES = 100_000;

interface Known extends NodeRow {
  heardAtMs: number;
  /** Ends its wait. */
  wake: (() => void) | undefined;
}

/**
 * The leader's side of plugins on many machines: every node asks what it is to have, saying what it has, and is answered once that is
 * something that it has not seen. Who is to have what while a version is rolled out is decided by `Rollouts`.
 */
export class Fleet {
  private readonly nodes = new Map<string, Known>();
  private readonly rollouts: Rollouts;
  private ticking: NodeJS.Timeout | undefined;
  private advancing: Promise<void> = Promise.resolve();
  /** By what a node has coming: there are as many as there are kinds of nodes and sides of rollouts. */
  private readonly told = new Map<string, { readonly digest: string; readonly wanted: Wanted }>();
  private readonly changed = new Set<() => void>();
  private readonly arrived = new Set<() => void>();

  constructor(
    private readonly records: PluginRecords,
    /** The leader itself is a node, too. */
    private readonly self: string,
    private readonly packagesDir: string,
    private readonly log: Logger,
    pace: Pace = PACE,
    gatherMs = GATHER_MS,
  ) {
    this.rollouts = new Rollouts(pace);
    for (const [id, record] of records.plugins)
      if (record.rollout)
        this.rollouts.begin(id, this.rolloutOf(id, record), performance.now() + gatherMs, record.rollout.pending);
    this.tick();
  }

  /** Calls when what the leader itself is to have may have changed. */
  onChange(listener: () => void): void {
    this.changed.add(listener);
  }

  rows(): NodeRow[] {
    const isHere = ({ wake, heardAtMs, node }: Known): boolean =>
      node === this.self || wake !== undefined || performance.now() - heardAtMs < GONE_AFTER_MS;
    return [...this.nodes.values()]
      .filter(isHere)
      .map(({ node, kind, plugins, leads }) => ({ node, kind, plugins, leads }));
  }

  /** How far a rollout has come; undefined: there is none. */
  progress(id: string) {
    const rollout = this.rollouts.get(id);
    if (rollout === undefined) return undefined;
    const { from, to, phase, reason } = rollout;
    return { from: from?.version, to: to?.version, phase, reason, turns: this.rollouts.turns(id) };
  }

  /** What the leader itself is to have, now that it has said what it has. */
  async sayOwn(
    plugins: readonly PluginStatus[],
    restarts: boolean,
  ): Promise<{ readonly digest: string; readonly wanted: Wanted }> {
    this.hear({ node: this.self, kind: 'master', restarts, plugins });
    await this.advancing;
    return this.wantedBy(this.self, 'master');
  }

  /** Answers a node, after `waitMs` at the latest, or when `gone` fires: then the node is taken to be away. */
  async sync(says: NodeSays, waitMs: number, gone: AbortSignal): Promise<Told> {
    const { node, kind, seen } = says;
    if (!this.nodes.has(node) && this.nodes.size >= MAX_NODES) this.forgetOldest();
    this.nodes.get(node)?.wake?.();
    this.hear(says);
    const known = this.nodes.get(node)!;
    const send = this.missing(says.holds);
    const until = performance.now() + waitMs;
    await this.advancing;
    while (send.length === 0 && this.wantedBy(node, kind).digest === seen && performance.now() < until) {
      const woken = await this.wait(known, until - performance.now(), gone);
      if (woken === 'gone') this.lose(known);
      if (woken === 'gone' || this.nodes.get(node) !== known) return { digest: seen, send: [] };
      await this.advancing;
    }
    known.heardAtMs = performance.now();
    const { digest, wanted } = this.wantedBy(node, kind);
    return { digest, send, ...(digest !== seen && { wanted }) };
  }

  /** From here on the record's rollout is under way, or the record says something else than it did. */
  recordChanged(id: string): void {
    const record = this.records.plugins.get(id);
    if (record?.rollout !== undefined && this.rollouts.get(id) === undefined)
      this.rollouts.begin(id, this.rolloutOf(id, record));
    this.wakeAll();
    this.tick();
  }

  /** A package that was missing here is here now. */
  packageArrived(): void {
    for (const listener of this.arrived) listener();
  }

  onArrival(listener: () => void): void {
    this.arrived.add(listener);
  }

  turnBack(id: string, reason: string): boolean {
    return this.rollouts.turnBack(id, reason);
  }

  close(): void {
    clearInterval(this.ticking);
    for (const { wake } of this.nodes.values()) wake?.();
    this.nodes.clear();
  }

  private hear(says: Omit<NodeSays, 'holds' | 'seen'>): void {
    const { node, kind, plugins, restarts } = says;
    const leads = node === this.self;
    this.nodes.set(node, { node, kind, plugins, leads, heardAtMs: performance.now(), wake: undefined });
    const report: NodeReport = { kind, leads, restarts, plugins };
    this.rollouts.heard(node, report, performance.now());
  }

  private lose(known: Known): void {
    if (this.nodes.get(known.node) !== known) return;
    this.nodes.delete(known.node);
    this.rollouts.left(known.node);
  }

  private wait(known: Known, ms: number, gone: AbortSignal): Promise<'woken' | 'gone'> {
    return new Promise((resolve) => {
      const done = (how: 'woken' | 'gone'): void => {
        clearTimeout(timer);
        gone.removeEventListener('abort', left);
        known.wake = undefined;
        resolve(how);
      };
      const left = (): void => done('gone');
      const timer = setTimeout(() => done('woken'), ms);
      timer.unref();
      known.wake = () => done('woken');
      if (gone.aborted) done('gone');
      else gone.addEventListener('abort', left, { once: true });
    });
  }

  private wakeAll(): void {
    this.told.clear();
    for (const listener of this.changed) listener();
    for (const { wake } of this.nodes.values()) wake?.();
  }

  private wantedBy(node: string, kind: RunsOn): { readonly digest: string; readonly wanted: Wanted } {
    const parts = [...this.records.plugins].map(([id, record]) => ({ id, ...this.releaseFor(id, record, node) }));
    const key = [kind, ...parts.map(({ pkg, was }) => `${pkg?.integrity}${was && ` as ${configDigest(was)}`}`)].join(
      ' ',
    );
    const known = this.told.get(key);
    if (known !== undefined) return known;
    const releases = parts.flatMap(({ pkg }) => pkg ?? []);
    const config = { ...this.records.config() };
    for (const { id, was } of parts) if (was !== undefined) config[id] = was;
    const runsHere = (id: string): boolean =>
      kind === 'master' ||
      (releases.find(({ manifest }) => manifest.id === id)?.manifest.runsOn.includes(kind) ?? true);
    const wanted: Wanted = {
      plugins: releases.filter(({ manifest }) => runsHere(manifest.id)),
      hold: kind === 'master' ? this.records.packages() : [],
      disabled: this.records.disabled(),
      config: Object.fromEntries(Object.entries(config).filter(([id]) => runsHere(id))),
    };
    const digest = createHash('sha256')
      .update(JSON.stringify(wireOf(wanted)))
      .digest('base64url');
    this.told.set(key, { digest, wanted });
    return { digest, wanted };
  }

  /** `was`: it is to keep this configuration for now. */
  private releaseFor(
    id: string,
    { current, rollout }: PluginRecord,
    node: string,
  ): { pkg?: PluginPackage; was?: Wanted['config'][string] } {
    const course = rollout && this.rollouts.get(id);
    const isNew = course !== undefined && this.rollouts.releaseFor(id, node) === course.to;
    const { config } = rollout ?? {};
    const pkg = isNew ? rollout?.to : current;
    return { ...(pkg && { pkg }), ...(course && !isNew && config && { was: config.was }) };
  }

  private rolloutOf(id: string, { current, rollout }: PluginRecord): Rollout {
    const given = this.records.config()[id];
    const { phase = 'forward', reason, to, config } = rollout ?? {};
    const release = (pkg: PluginPackage | undefined): Release | undefined => pkg && releaseOf(pkg, configDigest(given));
    if (config === undefined) return { from: release(current), to: release(to), phase, reason };
    const [from, next] = [config.was, given].map((one) => ({ ...config.of, config: configDigest(one) }));
    return { from, to: next, phase, reason };
  }

  private tick(): void {
    if (this.ticking !== undefined || !this.rollouts.underWay) return;
    this.ticking = setInterval(() => {
      this.advancing = this.advancing
        .then(() => this.advance())
        .catch((error: unknown) => {
          this.log.error('a rollout cannot go on for now', { reason: messageOf(error) });
        });
    }, ADVANCE_EVERY_MS);
    this.ticking.unref();
  }

  private async advance(): Promise<void> {
    for (const known of this.nodes.values())
      if (known.wake === undefined && known.node !== this.self && performance.now() - known.heardAtMs > GONE_AFTER_MS)
        this.lose(known);
    const ends = this.rollouts.advance(performance.now());
    let changed = ends.length > 0;
    for (const { id, reason } of ends) await this.end(id, reason);
    for (const [id, record] of this.records.plugins) changed = (await this.remember(id, record)) || changed;
    if (changed) this.wakeAll();
    if (this.rollouts.underWay) return;
    clearInterval(this.ticking);
    this.ticking = undefined;
  }

  /** Who is given something is written down before it is told. */
  private async remember(id: string, record: PluginRecord): Promise<boolean> {
    const now = this.rollouts.get(id);
    if (record.rollout === undefined || now === undefined) return false;
    const { phase, reason, pending } = record.rollout;
    const pendingNow = this.rollouts.pending(id);
    const isNew = pendingNow.some((node) => !pending.includes(node));
    if (!isNew && phase === now.phase) return false;
    if (phase !== now.phase) this.log.warn(`plugin ${id} is taken back`, { plugin: id, reason: now.reason ?? reason });
    const rollout = { ...record.rollout, phase: now.phase, reason: now.reason, pending: pendingNow };
    await this.records.put(id, { ...record, rollout });
    return true;
  }

  private async end(id: string, reason: string | undefined): Promise<void> {
    const record = this.records.plugins.get(id);
    if (record?.rollout === undefined) return;
    const { current, rollout } = record;
    const { config, to } = rollout;
    const version = config?.of.version ?? (to ?? current)?.manifest.version ?? '';
    const failed = reason !== undefined && config !== undefined ? `with another configuration: ${reason}` : reason;
    if (failed === undefined) await this.records.put(id, { current: to });
    else await this.records.put(id, { current, failure: { version, reason: failed } }, config?.was);
    this.log[reason === undefined ? 'info' : 'warn'](
      reason === undefined ? 'a plugin has reached all nodes' : 'a plugin was taken back from all nodes',
      {
        plugin: id,
        version: config?.of.version ?? to?.manifest.version ?? 'none',
        ...(reason !== undefined && { reason }),
      },
    );
    prunePackages(this.packagesDir, this.records.packages());
  }

  /** Packages of the store that are not here and that this node has. */
  private missing(holds: readonly string[]): string[] {
    const names = this.records
      .packages()
      .filter(({ file }) => !existsSync(file))
      .map(({ file }) => basename(file));
    return names.filter((name) => holds.includes(name));
  }

  private forgetOldest(): void {
    const [oldest] = this.nodes.values();
    oldest?.wake?.();
    if (oldest) this.lose(oldest);
  }
}

const releaseOf = ({ manifest: { id, version, process, runsOn } }: PluginPackage, config: string): Release => ({
  ...{ id, version, process, runsOn },
  // Another configuration of a process of its own is everybody's at once: a process that cannot take it leaves the one before.
  ...(process === 'kernel' && { config }),
});
