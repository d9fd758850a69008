import { setTimeout as sleep } from 'node:timers/promises';
import { Args, Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Cluster } from '../../lib/cluster.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { findTask, type Task } from '../../lib/tasks.js';

const CHUNK_BYTES = 65_536;
const FOLLOW_MS = 250;

export default class TaskLog extends MezzoCommand {
  static override summary = "Print a task's output";
  static override examples = ['<%= config.bin %> task log hello', '<%= config.bin %> task log hello -f --stderr'];
  static override args = { task: Args.string({ required: true, description: 'id, or a part of it that is unique' }) };
  static override flags = {
    ...clusterFlags,
    follow: Flags.boolean({ char: 'f', description: 'go on as it grows' }),
    stderr: Flags.boolean({ description: 'stderr instead of stdout' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TaskLog);
    const cluster = await this.cluster(flags);
    const task = await findTask(cluster, args.task);
    const sandbox = `/frameworks/${task.frameworkId}/executors/${task.executorId}/runs/latest`;
    // Tasks of a pod have sandboxes in that of the pod.
    const own = task.container?.parent === undefined ? sandbox : `${sandbox}/tasks/${task.id}`;
    const file = `${own}/${flags.stderr ? 'stderr' : 'stdout'}`;
    let offset = 0;
    for (;;) {
      const data = await this.read(cluster, task, file, offset);
      if (data !== '') {
        process.stdout.write(data);
        offset += Buffer.byteLength(data);
      } else if (!flags.follow) return;
      else await sleep(FOLLOW_MS);
    }
  }

  private async read(cluster: Cluster, task: Task, path: string, offset: number): Promise<string> {
    const query = new URLSearchParams({ path, offset: String(offset), length: String(CHUNK_BYTES) });
    const answer = await cluster.raw(`/agent/${task.agentId}/files/read?${query.toString()}`);
    if (answer.status === 200) return (JSON.parse(answer.text) as { data: string }).data;
    if (answer.status === 404)
      throw new MezzoError('NO_LOG', `task ${task.id} has no such file on agent ${task.agentId} (any more)`, {
        blame: 'user',
        next: 'sandboxes of ended tasks are kept for a week while the disk has room',
      });
    throw new MezzoError(`HTTP_${answer.status}`, `the agent answered ${answer.status}: ${answer.text.slice(0, 300)}`, {
      blame: 'kernel',
      retryable: answer.status >= 500,
    });
  }
}
