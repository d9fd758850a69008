import { Args } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { listTasks, TASK_COLUMNS, withHealth } from '../../lib/tasks.js';
import { appPath, type App, isSettled, whyStuck } from '../../up/deploy.js';

interface ShownApp extends App {
  readonly cmd?: string;
  readonly args?: readonly string[];
  readonly container?: { readonly docker?: { readonly image: string } };
  readonly cpus: number;
  readonly mem: number;
  readonly version: string;
  readonly tasks: readonly { readonly id: string }[];
}

export default class AppShow extends MezzoCommand {
  static override summary = 'Show one app: what it runs, its tasks, and why it is stuck, if it is';
  static override description =
    'With --json, all that Marathon knows of it: the definition, the tasks, the deployments.';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true, description: 'id of the app' }) };
  static override flags = clusterFlags;

  async run(): Promise<App> {
    const { args, flags } = await this.parse(AppShow);
    const cluster = await this.cluster(flags);
    const { app } = await cluster.json<{ app: ShownApp }>(appPath(args.id));
    if (this.jsonEnabled()) return app;
    const own = new Set(app.tasks.map(({ id }) => id));
    const [tasks, stuck] = await Promise.all([listTasks(cluster), whyStuck(cluster, app)]);
    for (const [name, value] of describe(app, stuck)) if (value) this.log(`${name.padEnd(12)}${value}`);
    this.log(`${'url'.padEnd(12)}${cluster.url}/service${app.id}/\n`);
    this.table(tasks.filter(({ id }) => own.has(id)).map(withHealth), TASK_COLUMNS, 'no tasks');
    return app;
  }
}

function describe(app: ShownApp, stuck: string | undefined): [name: string, value: string | undefined][] {
  const checked = app.healthChecks?.length ? `, ${app.tasksHealthy} healthy, ${app.tasksUnhealthy} unhealthy` : '';
  return [
    ['app', app.id],
    ['state', isSettled(app) ? 'settled' : `deploying${stuck === undefined ? '' : `: ${stuck}`}`],
    ['instances', `${app.tasksRunning} of ${app.instances} running${checked}`],
    ['image', app.container?.docker?.image],
    ['command', app.cmd ?? app.args?.join(' ')],
    ['each', `${app.cpus} cpus, ${app.mem} MB`],
    ['version', app.version],
    ['last end', failureOf(app)],
  ];
}

const failureOf = ({ lastTaskFailure: last }: App): string | undefined =>
  last && `${last.timestamp ?? ''} ${last.state ?? ''} ${last.message ?? ''}`.trim();
