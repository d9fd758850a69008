import { Args, Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand, watchTimeout } from '../../lib/command.js';
import { type App, appPath, watchApp } from '../../up/deploy.js';

export default class AppScale extends MezzoCommand {
  static override summary = 'Set how many instances of an app run';
  static override enableJsonFlag = true;
  static override args = {
    id: Args.string({ required: true, description: 'id of the app' }),
    instances: Args.integer({ required: true, min: 0, description: 'how many' }),
  };
  static override flags = {
    ...clusterFlags,
    force: Flags.boolean({ description: 'cancel a deployment that holds the app', default: false }),
    'no-wait': Flags.boolean({ description: 'return once the change is accepted' }),
    timeout: watchTimeout(120),
  };

  async run(): Promise<App | undefined> {
    const { args, flags } = await this.parse(AppScale);
    const cluster = await this.cluster(flags);
    await cluster.json(`${appPath(args.id)}?force=${flags.force}`, {
      method: 'PUT',
      body: { instances: args.instances },
    });
    if (flags['no-wait']) return undefined;
    const app = await watchApp(cluster, args.id, (line) => this.log(line), flags.timeout * 1000);
    this.log(`${app.id} runs ${app.tasksRunning} instance(s)`);
    return app;
  }
}
