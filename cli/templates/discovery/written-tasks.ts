import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiscoverySink, RunningTask, RunningTaskChange } from '@mezzo/sdk/points/discovery-sink';

/** Writes where tasks run into files of a directory: `tasks.json`, and `hosts` as in /etc/hosts. Told by the host, one call after the other. */
export class WrittenTasks implements DiscoverySink {
  private readonly tasks = new Map<string, RunningTask>();

  constructor(
    private readonly dir: string,
    private readonly domain: string,
  ) {}

  /** All that run: at the start, after each lost connection, and after each call that failed. */
  replace(tasks: readonly RunningTask[]): Promise<void> {
    this.tasks.clear();
    return this.change({ put: tasks, removed: [] });
  }

  async change({ put, removed }: RunningTaskChange): Promise<void> {
    for (const task of put) this.tasks.set(task.key, task);
    for (const { key } of removed) this.tasks.delete(key);
    for (const [name, text] of Object.entries(this.files())) await writeWhole(join(this.dir, name), text);
  }

  files(): Record<string, string> {
    const running = [...this.tasks.values()].sort((a, b) => (a.name + a.key < b.name + b.key ? -1 : 1));
    return {
      'tasks.json': `${JSON.stringify({ tasks: running }, undefined, 2)}\n`,
      hosts: running.map((task) => this.line(task)).join(''),
    };
  }

  /** `ADDRESS NAME.FRAMEWORK.DOMAIN` */
  private line({ addresses: [address = ''], name, framework }: RunningTask): string {
    return `${address} ${label(name)}.${label(framework.name)}.${this.domain}\n`;
  }
}

const label = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');

/** Whoever reads it meanwhile sees the old text or the new one, whole. */
async function writeWhole(file: string, text: string): Promise<void> {
  const handle = await open(`${file}.tmp`, 'w');
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.tmp`, file);
}
