import { Args, Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand, watchTimeout } from '../../lib/command.js';
import { type App, appPath, watchApp } from '../../up/deploy.js';

export default class AppRestart extends MezzoCommand {
  static override summary = 'Replace all instances of an app, a few at a time';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true, description: 'id of the app' }) };
  static override flags = {
    ...clusterFlags,
    force: Flags.boolean({ description: 'cancel a deployment that holds the app', default: false }),
    timeout: watchTimeout(300),
  };

  async run(): Promise<App> {
    const { args, flags } = await this.parse(AppRestart);
    const cluster = await this.cluster(flags);
    await cluster.json(`${appPath(args.id)}/restart?force=${flags.force}`, { method: 'POST' });
    const app = await watchApp(cluster, args.id, (line) => this.log(line), flags.timeout * 1000);
    this.log(`${app.id} was restarted`);
    return app;
  }
}
