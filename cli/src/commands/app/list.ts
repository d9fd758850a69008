import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { type App, MARATHON } from '../../up/deploy.js';

export default class AppList extends MezzoCommand {
  static override summary = 'List apps';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly App[]> {
    const { flags } = await this.parse(AppList);
    const cluster = await this.cluster(flags);
    const { apps } = await cluster.json<{ apps: (App & { cpus: number; mem: number })[] }>(`${MARATHON}/v2/apps`);
    const rows = apps.map((app) => ({
      ...app,
      running: `${app.tasksRunning}/${app.instances}`,
      health: app.healthChecks?.length ? `${app.tasksHealthy}/${app.instances}` : '-',
      state: app.deployments?.length ? 'deploying' : app.tasksRunning < app.instances ? 'waiting' : 'settled',
    }));
    this.table(
      rows,
      { id: 'ID', running: 'RUNNING', health: 'HEALTHY', cpus: 'CPUS', mem: 'MEM', state: 'STATE' },
      'no apps: add one with `mezzo app add FILE`',
    );
    return apps;
  }
}
