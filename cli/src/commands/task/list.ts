import { Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { listTasks, type Task, TASK_COLUMNS, withHealth } from '../../lib/tasks.js';

export default class TaskList extends MezzoCommand {
  static override summary = 'List tasks';
  static override enableJsonFlag = true;
  static override flags = { ...clusterFlags, completed: Flags.boolean({ description: 'ended tasks too' }) };

  async run(): Promise<readonly Task[]> {
    const { flags } = await this.parse(TaskList);
    const tasks = await listTasks(await this.cluster(flags), flags.completed);
    this.table(tasks.map(withHealth), TASK_COLUMNS, 'no tasks');
    return tasks;
  }
}
