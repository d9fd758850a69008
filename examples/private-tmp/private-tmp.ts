import { chmod, lstat, mkdir, opendir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { ContainerLimitation, Isolation, IsolatedContainer, Isolator } from '@mezzo/sdk/points/isolator';

/** The label of a task that says less than the configuration. */
const LABEL = 'private-tmp.mib';
const MIB = 1_048_576;
/** As `stat` counts what files take of the disk. */
const BLOCK_BYTES = 512;
const NEVER = new Promise<never>(() => {});

export interface PrivateTmpOptions {
  /** Holds a directory for each container. */
  readonly dir: string;
  readonly sizeMib: number;
  readonly checkMs: number;
}

/** A directory of the machine's disk as /tmp of each container, looked at from time to time, and removed with it. */
export class PrivateTmp implements Isolator {
  readonly name = 'private-tmp';
  private readonly sizes = new Map<string, number>();
  private readonly closing = new AbortController();

  constructor(private readonly options: PrivateTmpOptions) {}

  async recover(_owner: string, containers: readonly IsolatedContainer[]): Promise<void> {
    for (const { containerId, data } of containers) this.sizes.set(containerId, Number(data?.['mib']));
    await mkdir(this.options.dir, { recursive: true, mode: 0o700 });
    for (const containerId of await readdir(this.options.dir))
      if (!this.sizes.has(containerId)) await this.cleanup(containerId);
  }

  async prepare({ containerId, labels }: ContainerSpec): Promise<Isolation> {
    const mib = Math.min(this.options.sizeMib, mibOf(labels?.[LABEL]));
    const source = this.dirOf(containerId);
    await mkdir(source);
    await chmod(source, 0o1777); // whoever it runs as
    this.sizes.set(containerId, mib);
    return { env: { TMPDIR: '/tmp' }, mounts: [{ type: 'bind', source, target: '/tmp' }], data: { mib } };
  }

  async watch(containerId: string): Promise<ContainerLimitation> {
    for (;;) {
      await sleep(this.options.checkMs, undefined, { signal: this.closing.signal }).catch(() => NEVER);
      const mib = this.sizes.get(containerId);
      if (mib === undefined) return NEVER;
      const used = Math.ceil((await bytesIn(this.dirOf(containerId), this.closing.signal)) / MIB);
      if (used > mib) return { limitation: 'disk', message: `/tmp holds ${used} MiB, ${mib} MiB are allowed` };
    }
  }

  async cleanup(containerId: string): Promise<void> {
    this.sizes.delete(containerId);
    await rm(this.dirOf(containerId), { recursive: true, force: true });
  }

  /** Containers run on: the next life watches them. */
  close(): void {
    this.closing.abort();
  }

  private dirOf(containerId: string): string {
    return join(this.options.dir, containerId);
  }
}

function mibOf(label: string | undefined): number {
  const mib = label === undefined ? Infinity : Number(label);
  if (mib > 0) return mib;
  throw new Error(`the label ${LABEL} is "${label}", which is no positive number`);
}

/** What a task deletes meanwhile does not count; links are not followed. */
async function bytesIn(dir: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  const entries = await opendir(dir).catch(() => []);
  for await (const { name } of entries) {
    if (signal.aborted) break;
    const stat = await lstat(join(dir, name)).catch(() => undefined);
    bytes += (stat?.blocks ?? 0) * BLOCK_BYTES;
    if (stat?.isDirectory()) bytes += await bytesIn(join(dir, name), signal);
  }
  return bytes;
}
