import { open, rename } from 'node:fs/promises';
import type { DiscoverySink, RunningTask, RunningTaskChange } from '@mezzo/sdk/points/discovery-sink';

/**
 * Keeps a file of targets as Prometheus reads it (`file_sd_configs`, `http_sd_configs`): one group a task, with a target for each port. Labels begin with
 * `__meta_mezzo_`, to be used in `relabel_configs`.
 */
export class Targets implements DiscoverySink {
  private readonly tasks = new Map<string, RunningTask>();

  constructor(private readonly file: string) {}

  replace(tasks: readonly RunningTask[]): Promise<void> {
    this.tasks.clear();
    return this.change({ put: tasks, removed: [] });
  }

  async change({ put, removed }: RunningTaskChange): Promise<void> {
    for (const task of put) this.tasks.set(task.key, task);
    for (const { key } of removed) this.tasks.delete(key);
    await writeWhole(this.file, this.text());
  }

  text(): string {
    return `${JSON.stringify([...this.tasks.values()].map(groupOf), undefined, 1)}\n`;
  }
}

function groupOf({ key, id, name, framework, agent, addresses, ports, labels, healthy }: RunningTask): object {
  const hosts = addresses.map((address) => (address.includes(':') ? `[${address}]` : address));
  const own = Object.entries(labels).map(([label, text]) => [
    `task_label_${label.replace(/[^a-zA-Z0-9_]/g, '_')}`,
    text,
  ]);
  const named = {
    ...Object.fromEntries(own),
    ...{ key, task_id: id, task: name, framework: framework.name, agent_id: agent.id, agent: agent.host },
    ...(healthy !== undefined && { healthy: String(healthy) }),
    ports: ports.map((port) => `${port.name ?? ''}:${port.number}`).join(','),
  };
  return {
    targets: ports.length === 0 ? hosts : hosts.flatMap((host) => ports.map(({ number }) => `${host}:${number}`)),
    labels: Object.fromEntries(Object.entries(named).map(([label, text]) => [`__meta_mezzo_${label}`, text])),
  };
}

/** Whoever reads it meanwhile sees the old text or the new one, whole. */
async function writeWhole(file: string, text: string): Promise<void> {
  const handle = await open(`${file}.tmp`, 'w', 0o644);
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.tmp`, file);
}
