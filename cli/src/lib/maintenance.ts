import { Args } from '@oclif/core';
import { parseJson } from '@mezzo/sdk/api';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Cluster } from './cluster.js';
import { wordsOf } from './http.js';
import { findNode } from './nodes.js';

export interface MachineId {
  readonly hostname?: string;
  readonly ip?: string;
}

/** Nanoseconds since 1970, as text where a number would lose digits. */
type Nanoseconds = number | string;
export interface Window {
  readonly machine_ids?: readonly MachineId[];
  readonly unavailability: {
    readonly start: { readonly nanoseconds: Nanoseconds };
    readonly duration?: { readonly nanoseconds: Nanoseconds };
  };
}

export interface Machine extends MachineId {
  readonly state: 'draining' | 'down';
  /** ISO 8601. */
  readonly start: string;
  readonly end?: string;
  /** Frameworks by what they answered to the question whether they will have left. */
  readonly accepted: number;
  readonly declined: number;
}

export const machineArgs = {
  machine: Args.string({ required: true, description: 'host name or address, an agent on it, or HOSTNAME,ADDRESS' }),
};

async function ask<T>(cluster: Cluster, type: string): Promise<T> {
  const { status, text } = await cluster.raw('/mesos/api/v1', { method: 'POST', body: { type } });
  if (status !== 200) {
    const blame = status < 500 ? 'user' : 'kernel';
    throw new MezzoError(`HTTP_${status}`, `${type} was answered ${status}: ${wordsOf(text)}`, { blame });
  }
  return (parseJson(text) as Record<string, T>)[type.toLowerCase()]!;
}

export const readSchedule = async (cluster: Cluster): Promise<readonly Window[]> =>
  (await ask<{ schedule: { windows?: Window[] } }>(cluster, 'GET_MAINTENANCE_SCHEDULE')).schedule.windows ?? [];

interface Status {
  readonly draining_machines?: readonly { readonly id: MachineId; readonly statuses?: readonly { status: string }[] }[];
  readonly down_machines?: readonly MachineId[];
}

export async function listMachines(cluster: Cluster): Promise<readonly Machine[]> {
  const windows = await readSchedule(cluster);
  const { status } = await ask<{ status: Status }>(cluster, 'GET_MAINTENANCE_STATUS');
  const isDown = (id: MachineId) => status.down_machines?.some((down) => sameMachine(down, id)) === true;
  return windows.flatMap(({ machine_ids: ids = [], unavailability: { start, duration } }) =>
    ids.map((id) => {
      const answers = status.draining_machines?.find((draining) => sameMachine(draining.id, id))?.statuses ?? [];
      const count = (answer: string) => answers.filter((one) => one.status === answer).length;
      const startMs = millisecondsOf(start.nanoseconds);
      return {
        ...id,
        state: isDown(id) ? ('down' as const) : ('draining' as const),
        start: iso(startMs),
        ...(duration && { end: iso(startMs + millisecondsOf(duration.nanoseconds)) }),
        accepted: count('ACCEPT'),
        declined: count('DECLINE'),
      };
    }),
  );
}

const millisecondsOf = (nanoseconds: Nanoseconds): number => Number(BigInt(nanoseconds) / 1_000_000n);
export const nanosecondsOf = (ms: number): string => String(BigInt(ms) * 1_000_000n);

/** Other clients may plan for years that no date has. */
function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString();
}

export const sameMachine = (a: MachineId, b: MachineId): boolean =>
  (a.hostname ?? '').toLowerCase() === (b.hostname ?? '').toLowerCase() && (a.ip ?? '') === (b.ip ?? '');

export const machineName = ({ hostname, ip }: MachineId): string => [hostname, ip].filter(Boolean).join(',');

/** A machine of the schedule, the machine of an agent, or one that is spelt out because no agent is there yet. */
export async function findMachine(cluster: Cluster, text: string, known: readonly MachineId[]): Promise<MachineId> {
  const names = (id: MachineId) => [id.hostname, id.ip, machineName(id)].map((name) => name?.toLowerCase());
  const found = known.filter((id) => names(id).includes(text.toLowerCase()));
  if (found.length === 1) return { ...pick(found[0]!) };
  if (found.length > 1)
    throw new MezzoError('MACHINE_AMBIGUOUS', `'${text}' is ${found.length} machines of the schedule`, {
      blame: 'user',
      next: `name one of them whole: ${found.map(machineName).join(' or ')}`,
    });
  const [, hostname, ip] = /^([^,\s]+),([\d.]+)$/.exec(text) ?? [];
  if (hostname !== undefined && ip !== undefined) return { hostname, ip };
  const node = await findNode(cluster, text);
  return { hostname: node.hostname, ip: node.pid.replace(/^.*@(.*):\d+$/, '$1') };
}

const pick = ({ hostname, ip }: MachineId): MachineId => ({
  ...(hostname !== undefined && { hostname }),
  ...(ip !== undefined && { ip }),
});

export async function findMachines(cluster: Cluster, texts: readonly string[]): Promise<MachineId[]> {
  const known = (await readSchedule(cluster)).flatMap(({ machine_ids: ids = [] }) => ids);
  const found: MachineId[] = [];
  for (const text of texts) {
    const id = await findMachine(cluster, text, known);
    if (!found.some((other) => sameMachine(other, id))) found.push(id);
  }
  return found;
}
