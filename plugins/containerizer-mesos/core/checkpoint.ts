import type { ContainerCheckpoint } from '@mezzo/sdk/points/containerizer';
import type { IsolatorNote } from './isolation.js';

export const CHECKPOINT_VERSION = 1;

export type Mode = 'namespaces' | 'user-namespaces' | 'group';

/** A process as one that can be told from a later one with the same number. */
export interface ProcessRef {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot. */
  readonly start: number;
}

/** All that must be known of a container to take it back. Plain JSON. */
export interface Facts {
  readonly owner: string;
  /** A reboot ends every process, and numbers begin anew. */
  readonly bootId: string;
  readonly shim: ProcessRef;
  readonly main: ProcessRef;
  /** Process group, and session, of the task. */
  readonly group: number;
  readonly mode: Mode;
  readonly cgroups: 'v1' | 'v2' | 'none';
  readonly sandbox: string;
  /** The container that this one lives in, and the outermost one, whose cgroups all in it share. */
  readonly parent?: string;
  readonly root?: string;
  readonly runAs?: { readonly uid: number; readonly gid: number; readonly groups: boolean };
  readonly cpusLimitMilli: number;
  memLimitMib?: number;
  readonly isolators?: readonly IsolatorNote[];
}

export const toCheckpoint = (containerId: string, facts: Facts): ContainerCheckpoint => ({
  containerId,
  version: CHECKPOINT_VERSION,
  data: { ...facts },
});

/** Undefined for what another version wrote: it cannot be taken back by this one. */
export function fromCheckpoint({ version, data }: ContainerCheckpoint): Facts | undefined {
  if (version !== CHECKPOINT_VERSION) return undefined;
  const facts = data as unknown as Facts;
  const whole =
    typeof facts.owner === 'string' &&
    typeof facts.bootId === 'string' &&
    typeof facts.sandbox === 'string' &&
    isProcess(facts.shim) &&
    isProcess(facts.main) &&
    isPid(facts.group);
  return whole ? facts : undefined;
}

const isProcess = (value: unknown): boolean => {
  const ref = value as Partial<ProcessRef> | undefined;
  return isPid(ref?.pid) && Number.isSafeInteger(ref?.start);
};

/** -1 and 0 stand for more than one process, 1 for the machine's first. */
const isPid = (value: number | undefined): boolean => Number.isSafeInteger(value) && (value ?? 0) > 1;
