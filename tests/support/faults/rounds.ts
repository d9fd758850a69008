import { expect } from 'vitest';
import { Random } from '../../sim/random.js';
import { until } from '../poll.js';
import { Client, SCALED } from './client.js';
import type { FaultyCluster } from './cluster.js';
import type { Fault, Site } from './faults.js';

const STEADY = '/steady';
const SETTLE_MS = 90_000;
const ASK_MS = 50;
/** One that was frozen answers for a moment when it wakes. */
const DOUBLE_MS = 1_000;
/** Worth a word in the table. */
const LONG_MS = 10_000;

export interface RoundsOptions {
  readonly faults: readonly Fault[];
  readonly seed: number;
  /** How often all faults come, each time in another order. */
  readonly rounds: number;
  /** In the order given instead. */
  readonly inOrder?: boolean;
}

/**
 * Faults, one after the other, while a client writes. After each: what was acknowledged is there, apps run exactly as many tasks
 * as they ask for, nobody touched the app that nobody wrote to, no task was started twice. Prints a table of it.
 */
export async function underFaults(
  cluster: FaultyCluster,
  { faults, seed, rounds, inOrder = false }: RoundsOptions,
): Promise<void> {
  const random = new Random(seed);
  const client = new Client(cluster, () => random.next());
  const site: Site = { cluster, client, random };
  const began = Date.now();
  await until('apps are taken', () => client.write(STEADY, 3), SETTLE_MS, 200);
  await until('apps are taken', () => client.write(SCALED, 2), SETTLE_MS, 200);
  await client.settle(SETTLE_MS);
  const steady = client.processes(STEADY);
  const rows: string[] = [];
  const tell = (row: string): void => void (rows.push(row), console.log(row));
  tell(
    `seed ${seed}; seconds: when, until a write that was begun afterwards was acknowledged, until all was as it should`,
  );
  const over = new AbortController();
  const doubleMs = longestDoubleReign(cluster, over.signal);
  try {
    for (const fault of Array.from({ length: rounds }, () => (inOrder ? faults : shuffled(faults, random))).flat())
      tell(await underOne(fault, site, began, () => expect(client.processes(STEADY)).toEqual(steady)));
  } finally {
    over.abort();
  }
  expect(await doubleMs).toBeLessThan(DOUBLE_MS);
  const started = client.started();
  expect(started.filter((id, index) => started.indexOf(id) !== index)).toEqual([]);
  tell(`${client.acked} of ${client.tried} writes were acknowledged, ${started.length} tasks started, none twice`);
  tell(`two masters answered as leaders for ${await doubleMs} ms at the longest`);
}

/** For how long two masters answered as leaders at once, in ms. */
async function longestDoubleReign(cluster: FaultyCluster, signal: AbortSignal): Promise<number> {
  let longestMs = 0;
  let sinceMs: number | undefined;
  while (!signal.aborted) {
    const askedMs = Date.now();
    const isDouble = (await cluster.leaders()).length > 1;
    if (isDouble) longestMs = Math.max(longestMs, Date.now() - (sinceMs ??= askedMs));
    else sinceMs = undefined;
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
  return longestMs;
}

async function underOne(fault: Fault, site: Site, began: number, check: () => void): Promise<string> {
  const { client, cluster } = site;
  const over = new AbortController();
  const writing = client.writeOn(over.signal);
  const seconds = (sinceMs: number): string => ((Date.now() - sinceMs) / 1000).toFixed(1).padStart(6);
  const when = seconds(began);
  const struckMs = Date.now();
  try {
    const acknowledged = until('a write is acknowledged', () => client.lastAckedStartMs > struckMs, SETTLE_MS).then(
      () => seconds(struckMs),
    );
    const [victim, again] = await Promise.all([fault.strike(site), acknowledged]);
    fault.heal?.(site);
    const waited: string[] = [];
    const waitFor = async (what: string, wait: () => Promise<unknown>): Promise<void> => {
      const sinceMs = Date.now();
      await wait();
      if (Date.now() - sinceMs > LONG_MS) waited.push(`, ${what} took ${seconds(sinceMs).trim()} s`);
    };
    for (const [what, holds] of [
      ['agents', () => cluster.agentsAreActive()],
      ['ZooKeeper', () => cluster.zookeeper.isWhole()],
      ['masters', () => cluster.mastersStand()],
    ] as const)
      await waitFor(what, () => until(`all is well with ${what}`, holds, SETTLE_MS, 200));
    over.abort();
    await writing;
    await waitFor('apps', () => client.settle(SETTLE_MS));
    check();
    return `${when} ${again} ${seconds(struckMs)}  well  ${fault.name} (${victim})${waited.join('')}`;
  } catch (error) {
    throw new Error(`at ${when} s: ${fault.name}: ${String(error)}`, { cause: error });
  } finally {
    over.abort();
    await writing;
    fault.heal?.(site);
  }
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
  const rest = [...all];
  return all.map(() => rest.splice(random.between(0, rest.length - 1), 1)[0]!);
}
