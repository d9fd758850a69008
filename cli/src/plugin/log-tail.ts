import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../lib/cluster.js';

const FOLLOW_EVERY_MS = 500;
const FOLLOW_BYTES = 256 * 1024;

/** Where a plugin in a process of its own writes: `at` is the path of its daemon, such as `/mesos`. */
export interface PluginLog {
  readonly cluster: Cluster;
  readonly at: string;
  readonly id: string;
}

/** What it has written last, line by line. */
export async function readLog({ cluster, at, id }: PluginLog): Promise<string[]> {
  const path = `${at}/plugins/v1/plugins/${id}/log`;
  const { status, text } = await cluster.raw(`${path}?bytes=${FOLLOW_BYTES}`);
  // Refused: rejects with the server's own words.
  if (status !== 200) await cluster.json(path);
  return text.split('\n').filter((line) => line !== '');
}

/** Each line that it writes after `lines`, until the signal; also while the plugin, or its daemon, comes and goes. */
export async function* followLog(
  log: PluginLog,
  lines: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<string> {
  while (!signal?.aborted) {
    await sleep(FOLLOW_EVERY_MS, undefined, { signal }).catch(() => {});
    const now = await readLog(log).catch(() => lines);
    const last = lines.at(-1);
    const at = last === undefined ? -1 : now.lastIndexOf(last);
    yield* now.slice(at + 1);
    lines = now;
  }
}

/** A line of a log for people: its message and fields, without what each line has; plain text as it is. */
export function readable(line: string): string {
  try {
    const { msg, level: _, time: __, pid: ___, hostname: ____, plugin: _____, ...fields } = JSON.parse(line) as Json;
    const more = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
    return typeof msg === 'string' ? msg + more.join('') : line;
  } catch {
    return line;
  }
}

type Json = Record<string, unknown>;
