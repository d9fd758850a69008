import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';

interface SnapshotFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface SnapshotInfo {
  /** The moment it was taken, and its name: `2026-01-31T12-00-00-000Z`. */
  readonly name: string;
  readonly files: readonly SnapshotFile[];
}

const MANIFEST = 'snapshot.json';
const NAME = /^[0-9TZ-]{10,40}$/;
const KEPT = /^(snapshot\.[0-9a-f]+|log\.[0-9a-f]+|acceptedEpoch|currentEpoch)$/;

/** Copies of a member's data: its snapshots, and the transactions since. */
export class Snapshots {
  private readonly data: string;

  constructor(
    private readonly dir: string,
    dataDir: string,
    private readonly max: number,
  ) {
    this.data = join(dataDir, 'version-2');
  }

  /** While the server runs: snapshots are copied first, so that the logs go beyond them. The oldest give way to it. */
  async take(now: Date): Promise<SnapshotInfo> {
    const name = now.toISOString().replace(/[:.]/g, '-');
    const draft = join(this.dir, '.draft');
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
    const names = (await readdir(this.data))
      .filter((file) => KEPT.test(file))
      .sort()
      .reverse();
    const files: SnapshotFile[] = [];
    for (const file of names) {
      await copyFile(join(this.data, file), join(draft, file));
      if (await isWhole(join(draft, file))) files.push(await describe(draft, file));
      else await rm(join(draft, file));
    }
    if (!files.some((file) => file.name.startsWith('snapshot.')))
      throw failed(
        'SNAPSHOT_EMPTY',
        'the server has written no snapshot yet',
        'try again when it has served for a moment',
      );
    const info = { name, files };
    await writeFile(join(draft, MANIFEST), JSON.stringify(info), { mode: 0o600 });
    await rename(draft, join(this.dir, name));
    for (const old of (await this.names()).slice(0, -this.max)) await rm(join(this.dir, old), { recursive: true });
    return info;
  }

  /** The oldest first. */
  async list(): Promise<SnapshotInfo[]> {
    return Promise.all((await this.names()).map((name) => this.read(name)));
  }

  /** Into the data directory of a server that does not run and has no data. All files are checked before one is written. */
  async restore(name: string): Promise<SnapshotInfo> {
    const info = await this.read(name);
    for (const file of info.files) await this.check(name, file);
    const present = (await readdir(this.data).catch(() => [])).filter((file) => KEPT.test(file));
    if (present.length > 0)
      throw failed(
        'DATA_PRESENT',
        `${this.data} holds data (${present[0]})`,
        'move that directory away first: nothing is overwritten',
      );
    const draft = `${this.data}.draft`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
    for (const file of info.files) await copyFile(join(this.dir, name, file.name), join(draft, file.name));
    await rm(this.data, { recursive: true, force: true });
    await rename(draft, this.data);
    return info;
  }

  private async check(name: string, { name: file, bytes, sha256 }: SnapshotFile): Promise<void> {
    const found = await describe(join(this.dir, name), file).catch(() => undefined);
    if (KEPT.test(file) && found?.bytes === bytes && found.sha256 === sha256) return;
    throw failed(
      'SNAPSHOT_DAMAGED',
      `${file} of snapshot ${name} is not as it was written`,
      'restore another snapshot',
    );
  }

  private async read(name: string): Promise<SnapshotInfo> {
    if (!NAME.test(name))
      throw failed(
        'NO_SNAPSHOT',
        `"${name.slice(0, 40)}" is no snapshot's name`,
        'list them: GET /ensemble/v1/snapshots',
      );
    try {
      return JSON.parse(await readFile(join(this.dir, name, MANIFEST), 'utf8')) as SnapshotInfo;
    } catch (error) {
      throw failed(
        'NO_SNAPSHOT',
        `snapshot ${name} cannot be read: ${messageOf(error)}`,
        'list them: GET /ensemble/v1/snapshots',
      );
    }
  }

  private async names(): Promise<string[]> {
    return (await readdir(this.dir).catch(() => [])).filter((name) => NAME.test(name)).sort();
  }
}

const failed = (code: string, message: string, next: string) =>
  new MezzoError(code, message, { blame: 'operator', next });

async function describe(dir: string, name: string): Promise<SnapshotFile> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(join(dir, name)), hash);
  return { name, bytes: (await stat(join(dir, name))).size, sha256: hash.digest('hex') };
}

/** A snapshot that is being written lacks its end, the path "/" with its length; a log that was just opened may lack its head. */
async function isWhole(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const head = (await file.read(Buffer.alloc(4), 0, 4, 0)).buffer.toString('latin1');
    if (/\/log\.[^/]*$/.test(path)) return head === 'ZKLG';
    if (!/\/snapshot\.[^/]*$/.test(path)) return true;
    const end = (await file.read(Buffer.alloc(5), 0, 5, Math.max(size - 5, 0))).buffer;
    return head === 'ZKSN' && end.equals(Buffer.from([0, 0, 0, 1, 0x2f]));
  } finally {
    await file.close();
  }
}
