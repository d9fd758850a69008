import type { Member, Mode } from './members.js';

/** What a member said to `srvr`: nothing (`down`), that it does not serve, or as what it serves. */
export type Health = 'down' | 'not serving' | Mode;

export function healthOf(srvr: string | undefined): Health {
  if (srvr === undefined || srvr === '') return 'down';
  const mode = /^Mode: (leader|follower|observer|standalone)\s*$/m.exec(srvr)?.[1];
  return (mode as Mode | undefined) ?? 'not serving';
}

/** The members that serve, by id. */
export const modesOf = (health: ReadonlyMap<number, Health>): Map<number, Mode> =>
  new Map([...health].filter((entry): entry is [number, Mode] => entry[1] !== 'down' && entry[1] !== 'not serving'));

/** `mntr` has a name, a tab and a value on each line. */
export function parseMntr(text: string): Record<string, string> {
  const pairs = text.split('\n').map((line) => line.split('\t'));
  return Object.fromEntries(pairs.filter(({ length }) => length === 2) as [string, string][]);
}

/** One row of Exhibitor's cluster/status. */
export interface StatusRow {
  readonly code: number;
  readonly description: string;
  readonly hostname: string;
  readonly isLeader: boolean;
}

export function statusRow({ host }: Member, health: Health): StatusRow {
  const isLeader = health === 'leader' || health === 'standalone';
  if (health === 'down') return { code: 1, description: 'down', hostname: host, isLeader };
  if (health === 'not serving') return { code: 2, description: 'not serving', hostname: host, isLeader };
  return { code: 3, description: 'serving', hostname: host, isLeader };
}

/** Exhibitor's cluster/list for clients that ask for a form. */
export const listForm = (servers: readonly string[], port: number): string =>
  [
    `count=${servers.length}`,
    ...servers.map((host, i) => `server${i}=${encodeURIComponent(host)}`),
    `port=${port}`,
  ].join('&');
