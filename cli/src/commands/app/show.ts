import { Args } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { appPath, whyStuck, type App } from '../../up/deploy.js';

export default class AppShow extends MezzoCommand {
  static override summary = 'Show one app: its definition, its tasks, and why it is stuck, if it is';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true, description: 'id of the app' }) };
  static override flags = clusterFlags;

  async run(): Promise<App> {
    const { args, flags } = await this.parse(AppShow);
    const cluster = await this.cluster(flags);
    const { app } = await cluster.json<{ app: App }>(appPath(args.id));
    this.log(JSON.stringify(app, null, 2));
    const reason = await whyStuck(cluster, app);
    if (reason !== undefined) this.logToStderr(`stuck: ${reason}`);
    return app;
  }
}
