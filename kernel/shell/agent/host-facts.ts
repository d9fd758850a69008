import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, networkInterfaces, totalmem, userInfo } from 'node:os';

const MIB = 1024 * 1024;

/** What the machine has, before anything is set aside for itself. */
export interface HostFacts {
  readonly cpus: number;
  readonly memMib: number;
  /** Of the file system that holds the work directory. */
  readonly diskMib: number;
  readonly user: string;
  readonly isRoot: boolean;
  /** Changes with every boot. */
  readonly bootId: string;
}

export function readHostFacts(workDir: string): HostFacts {
  const { bsize, blocks } = statfsSync(workDir);
  const constrained = process.constrainedMemory() ?? 0;
  const memBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return {
    cpus: availableParallelism(),
    memMib: Math.floor(memBytes / MIB),
    diskMib: Math.floor((bsize * blocks) / MIB),
    user: userInfo().username,
    isRoot: process.getuid?.() === 0,
    bootId: readBootId(),
  };
}

/** What is offered: the machine keeps 1 GiB of memory and 5 GiB of disk, at most half, for itself. */
export const offeredMemMib = (memMib: number): number => memMib - Math.min(1024, Math.floor(memMib / 2));
export const offeredDiskMib = (diskMib: number): number => diskMib - Math.min(5120, Math.floor(diskMib / 2));

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/** The first address that others may reach, for an agent that listens on all. */
export function publicAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((a) => !a.internal && a.family === 'IPv4')?.address ?? '127.0.0.1';
}
