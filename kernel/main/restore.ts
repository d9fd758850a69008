#!/usr/bin/env node
import { createReadStream, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBackup, type BackupHeader } from '@mezzo/sdk/backup';
import { hasCode, messageOf, MezzoError, type StoreEntry } from '@mezzo/sdk/contract';
import type { DurableStore } from '@mezzo/sdk/points/store-driver';
import { LockFile } from '@mezzo/sdk/runtime';
import { STORE_FORMAT, tooNew } from '@mezzo/sdk/store';
import { contenders } from '../shell/coordination/zookeeper.js';
import { openLevelStore } from '../shell/store/level-store.js';
import { ZookeeperStore } from '../shell/store/zookeeper-store.js';
import { ZookeeperSession } from '../shell/zookeeper/session.js';
import { loadConfig } from './config.js';
import { bool, flagHelp, text, type FlagValues } from './flags.js';
import { createLog } from './log.js';
import { masterFlags, requireFlag } from './master-flags.js';
import type { ZookeeperFlag } from './shared-flags.js';
import { LocalDriver, storeDriverFlags } from './store-driver.js';

const { help, config, work_dir, zk, zk_session_timeout } = masterFlags;

/** What the masters that are to use the store are given, and the file. */
export const restoreFlags = {
  ...{ help, config, work_dir, zk, zk_session_timeout },
  ...storeDriverFlags,
  from: text('The backup', undefined),
  force: bool('Replace what the store holds', false),
};
export type RestoreFlags = FlagValues<typeof restoreFlags>;

export interface Restored extends BackupHeader {
  /** A directory, or a path of ZooKeeper. */
  readonly into: string;
  /** Entries that were there, and are not any more. */
  readonly replaced: number;
}

/** A store that nobody else uses. */
interface Target {
  readonly name: string;
  readonly store: DurableStore;
  close(): Promise<void>;
}

/**
 * Puts a backup into a store, all of it or nothing. Rejects with BACKUP_DAMAGED, BACKUP_TOO_NEW, FILE_UNREADABLE, STORE_NOT_EMPTY,
 * STORE_IN_USE, STORE_FENCED, or as opening the store does.
 */
export async function restore(flags: RestoreFlags): Promise<Restored> {
  const file = requireFlag('from', flags.from);
  const entries: StoreEntry[] = [];
  const header = await readBackup(createReadStream(file), file, { entry: (entry) => entries.push(entry) }).catch(
    (error: unknown) => {
      throw error instanceof MezzoError ? error : unreadable(file, error);
    },
  );
  if (header.store > STORE_FORMAT) throw tooNew(`that ${file} is of`, String(header.store));
  const target = await openTarget(flags);
  try {
    const replaced = target.store.list('').length;
    if (replaced > 0 && !flags.force) throw notEmpty(target.name, replaced);
    await target.store.startEpoch();
    // By the clock: above the epochs of those that led after an earlier restore of this same file, which nothing else tells of.
    await target.store.restore({ ...header, epoch: Math.max(header.epoch, Math.floor(Date.now() / 1000)), entries });
    return { ...header, into: target.name, replaced };
  } finally {
    await target.close();
  }
}

async function openTarget(flags: RestoreFlags): Promise<Target> {
  const owned: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const release of owned.splice(0).reverse()) await release();
  };
  try {
    const { name, store } = await openStore(flags, (release) => owned.push(release));
    owned.push(() => store.close());
    return { name, store, close };
  } catch (error) {
    await close();
    throw flags.zk !== undefined && hasCode(error, 'ZOOKEEPER_NOT_ALLOWED') ? notAllowed(flags.zk, error) : error;
  }
}

async function openStore(flags: RestoreFlags, own: (release: () => unknown) => void) {
  const { zk, zk_session_timeout, work_dir, store_driver } = flags;
  if (zk !== undefined) {
    const session = await ZookeeperSession.open(zk, zk_session_timeout);
    own(() => session.close());
    await requireNoMasters(session, zk, zk_session_timeout);
    const name = `${zk.path}/store`;
    if (store_driver === undefined)
      return { name: `${name} at ${zk.servers}`, store: await ZookeeperStore.open(session, name) };
  }
  const workDir = requireFlag('work_dir', work_dir);
  const lock = await LockFile.acquire(join(workDir, 'master.lock'));
  own(() => lock.release());
  const driver = await LocalDriver.of(flags, workDir, createLog({ daemon: 'master', level: 'ERROR', quiet: true }));
  own(() => driver?.close());
  if (driver) return { name: `of ${driver.who}`, store: await driver.open() };
  const name = join(workDir, 'store');
  return { name, store: await openLevelStore(name) };
}

async function requireNoMasters(session: ZookeeperSession, zk: ZookeeperFlag, timeoutMs: number): Promise<void> {
  await session.ensure(zk.path).catch((cause: unknown) => {
    throw hasCode(cause, 'ZOOKEEPER_CONNECTION_LOST') ? unreachable(zk, timeoutMs, cause) : cause;
  });
  const masters = contenders((await session.children(zk.path)) ?? []);
  if (masters.length > 0) throw inUse(zk, masters);
}

const unreadable = (file: string, cause: unknown): MezzoError =>
  new MezzoError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(cause)}`, {
    blame: 'user',
    next: 'name a file that `mezzo backup` wrote',
    cause,
  });

const notEmpty = (name: string, count: number): MezzoError =>
  new MezzoError('STORE_NOT_EMPTY', `The store ${name} holds ${count} entries`, {
    blame: 'operator',
    next: 'give --force to replace them all, or restore elsewhere',
    details: { count },
  });

const inUse = ({ path, servers }: ZookeeperFlag, masters: readonly string[]): MezzoError =>
  new MezzoError('STORE_IN_USE', `masters stand for election at ${path} on ${servers}: ${masters.join(', ')}`, {
    blame: 'operator',
    next: 'stop all masters of this cluster first; the node of one that died goes with its session, within --zk-session-timeout',
    details: { masters },
  });

const notAllowed = ({ path, servers, digest }: ZookeeperFlag, cause: unknown): MezzoError =>
  new MezzoError('ZOOKEEPER_NOT_ALLOWED', `the store below ${path} on ${servers} belongs to others`, {
    blame: 'operator',
    next: `give ${digest === undefined ? 'the' : 'other'} credentials, as the masters have them: --zk=zk://user:password@...`,
    cause,
  });

const unreachable = ({ servers }: ZookeeperFlag, timeoutMs: number, cause: unknown): MezzoError =>
  new MezzoError('ZOOKEEPER_UNREACHABLE', `ZooKeeper did not answer at ${servers} within ${timeoutMs} ms`, {
    blame: 'environment',
    retryable: true,
    next: 'start ZooKeeper, or correct --zk',
    cause,
  });

/** One line of JSON, for `mezzo restore`: what was restored, or `{"error": ...}`. */
async function main(): Promise<void> {
  const flags = loadConfig(restoreFlags, []);
  if (flags.help) return void process.stdout.write(`Usage: restore.js [flags]\n\n${flagHelp(restoreFlags)}\n`);
  process.stdout.write(`${JSON.stringify(await restore(flags))}\n`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    const known = error instanceof MezzoError ? error.toJSON() : { code: 'FAILED', message: messageOf(error) };
    process.stdout.write(`${JSON.stringify({ error: known })}\n`);
    process.exitCode = 1;
  });
}
