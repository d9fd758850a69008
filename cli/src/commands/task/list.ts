import { Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { listTasks, type Task } from '../../lib/tasks.js';

export default class TaskList extends MezzoCommand {
  static override summary = 'List tasks';
  static override enableJsonFlag = true;
  static override flags = { ...clusterFlags, completed: Flags.boolean({ description: 'ended tasks too' }) };

  async run(): Promise<readonly Task[]> {
    const { flags } = await this.parse(TaskList);
    const tasks = await listTasks(await this.cluster(flags), flags.completed);
    const rows = tasks.map((task) => ({
      ...task,
      health: task.healthy === undefined ? '-' : task.healthy ? 'healthy' : 'unhealthy',
    }));
    this.table(
      rows,
      { id: 'ID', frameworkName: 'FRAMEWORK', state: 'STATE', health: 'HEALTH', host: 'HOST', ports: 'PORTS' },
      'no tasks',
    );
    return tasks;
  }
}
