import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import { messageOf, type Logger, type PluginStatus, type RunsOn } from '@mezzo/sdk/contract';
import { MAX_PACKAGE_BYTES, readPackage, requireIntegrity } from '@mezzo/sdk/package';
import { Agent, fetch } from 'undici';
import type { PluginHost } from './host.js';
import { entryOf, type PluginPackage } from './registry.js';
import { readWanted, type Wanted } from './wanted.js';
import { writeWhole } from './whole-file.js';

const FIRST_TIMEOUT_MS = 3_000;
/** Longer than the leader lets one wait. */
const SYNC_TIMEOUT_MS = 90_000;
const PACKAGE_TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;
/** What changes together is said together. */
const GATHER_MS = 100;

export interface FollowerOptions {
  /** URL of the leading master; undefined: nobody is known to lead. */
  readonly leader: () => string | undefined;
  /** For the leader's API; of scope agent or operator. */
  readonly token: () => string | Promise<string>;
  /** For https. */
  readonly tls?: (() => ConnectionOptions) | undefined;
  /** host:port of this node's API. */
  readonly node: string;
  readonly kind: RunsOn;
  /** Somebody starts this daemon again when it ends. */
  readonly restarts: boolean;
  /** Where packages are kept. */
  readonly dir: string;
  readonly log: Logger;
}

interface Answer {
  readonly digest: string;
  readonly wanted?: unknown;
  readonly send: readonly string[];
}

/**
 * Keeps the plugins of a node as the leader wants them: says what it has, is answered when that is to change, fetches, verifies, applies.
 * While no master answers, all stays as it was.
 */
export class Follower {
  private readonly closing = new AbortController();
  private dispatcher: Agent | undefined;
  private seen = '';
  /** All that was wanted the last time is here. */
  private isComplete = false;
  private following: Promise<void> = Promise.resolve();
  private again = new AbortController();
  /** Integrity by file, of those that were compared; whoever unpacks one compares it again. */
  private readonly verified = new Map<string, string>();

  constructor(private readonly options: FollowerOptions) {
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  }

  /** What is wanted now, packages included. Undefined, and never a rejection, when no master tells: a node has to be able to start alone. */
  async first(): Promise<Wanted | undefined> {
    try {
      const answer = await this.sync([], 0, FIRST_TIMEOUT_MS);
      return await this.take(answer);
    } catch (error) {
      this.options.log.info('no master tells what is installed: going by what was known', { reason: messageOf(error) });
      return undefined;
    }
  }

  follow(host: PluginHost): void {
    host.onChange(() => this.again.abort());
    this.following = this.run(host);
  }

  /** Certificates were renewed. */
  renew(): void {
    void this.dispatcher?.destroy();
    this.dispatcher = undefined;
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.again.abort();
    await this.following;
    this.renew();
  }

  private async run(host: PluginHost): Promise<void> {
    for (let delayMs = FIRST_RETRY_MS; !this.closing.signal.aborted;) {
      const again = (this.again = new AbortController());
      const said = JSON.stringify(host.statuses());
      try {
        await this.once(host);
        if (this.isComplete) delayMs = FIRST_RETRY_MS;
      } catch (error) {
        if (!again.signal.aborted)
          this.options.log.debug('no master tells which plugins are wanted', { reason: messageOf(error) });
      }
      const isNews = again.signal.aborted && JSON.stringify(host.statuses()) !== said;
      if (isNews) await this.pause(GATHER_MS);
      else if (!this.isComplete) {
        await this.pause(delayMs * (0.5 + Math.random()));
        delayMs = Math.min(delayMs * 2, LAST_RETRY_MS);
      }
    }
  }

  private async once(host: PluginHost): Promise<void> {
    this.isComplete = false;
    const answer = await this.sync(host.statuses(), undefined, SYNC_TIMEOUT_MS);
    if (answer.send.length > 0) await this.send(answer.send);
    const wanted = await this.take(answer);
    if (wanted) await host.apply(wanted);
  }

  private pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.closing.signal }).catch(() => {});
  }

  private async sync(plugins: readonly PluginStatus[], waitMs: number | undefined, timeoutMs: number) {
    const { node, kind, restarts, dir } = this.options;
    const holds = readdirSync(dir).filter((name) => name.endsWith('.tgz'));
    const says = { node, kind, restarts, plugins, holds, seen: this.seen };
    const body = JSON.stringify({ ...says, ...(waitMs !== undefined && { waitMs }) });
    const bytes = await this.call('POST', '/sync', timeoutMs, MAX_ANSWER_BYTES, body);
    return JSON.parse(bytes.toString('utf8')) as Answer;
  }

  /** Undefined: as before. Whoever cannot get a package says so in the log, and has what it gets. */
  private async take({ digest, wanted }: Answer): Promise<Wanted | undefined> {
    this.isComplete = true;
    if (wanted === undefined) return undefined;
    const { dir, log } = this.options;
    const read = readWanted(dir, wanted, log);
    for (const pkg of [...read.plugins, ...read.hold])
      await this.fetch(pkg).catch((error: unknown) => {
        this.isComplete = false;
        log.error(`plugin ${pkg.manifest.id} cannot be fetched: ${messageOf(error)}`, { plugin: pkg.manifest.id });
      });
    // What is missing is asked for again after a pause.
    if (this.isComplete) this.seen = digest;
    return read;
  }

  private async fetch(pkg: PluginPackage): Promise<void> {
    const { file, integrity } = pkg;
    if (this.verified.get(file) === integrity && existsSync(file)) return;
    await this.fetchUnlessHere(pkg);
    this.verified.set(file, integrity);
  }

  private async fetchUnlessHere(pkg: PluginPackage): Promise<void> {
    const { manifest, file, integrity } = pkg;
    try {
      if (existsSync(file)) return requireIntegrity(manifest.id, readPackage(file), integrity);
    } catch {
      // Another one, or a torn one: fetched below.
    }
    const bytes = await this.call('GET', this.pathOf(entryOf(pkg).file), PACKAGE_TIMEOUT_MS, MAX_PACKAGE_BYTES);
    requireIntegrity(manifest.id, bytes, integrity);
    writeWhole(file, bytes);
  }

  /** The leader has lost packages, or has never had them. */
  private async send(names: readonly string[]): Promise<void> {
    for (const name of names)
      if (name === basename(name))
        await this.call(
          'PUT',
          this.pathOf(name),
          PACKAGE_TIMEOUT_MS,
          MAX_ANSWER_BYTES,
          await readFile(join(this.options.dir, name)),
        );
  }

  private pathOf = (name: string): string => `/packages/${encodeURIComponent(name)}`;

  private async call(
    method: string,
    path: string,
    timeoutMs: number,
    maxBytes: number,
    body?: string | Uint8Array,
  ): Promise<Buffer> {
    const { leader, token, tls } = this.options;
    const url = leader();
    if (url === undefined) throw new Error('no master is known to lead');
    this.dispatcher ??= new Agent({ headersTimeout: 0, bodyTimeout: 0, ...(tls && { connect: tls() }) });
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.closing.signal, this.again.signal]);
    const headers = { authorization: `Bearer ${await token()}` };
    const request = { method, headers, signal, dispatcher: this.dispatcher, ...(body !== undefined && { body }) };
    const response = await fetch(`${url}/plugins/v1${path}`, { ...request, redirect: 'error' });
    if (response.status !== 200) throw new Error(`${method} ${path} answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      if ((bytes += chunk.length) > maxBytes) throw new Error(`${method} ${path} answered more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}
