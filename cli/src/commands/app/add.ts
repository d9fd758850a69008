import { Args, Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand, watchTimeout } from '../../lib/command.js';
import { type App, MARATHON, readDefinition, watchApp } from '../../up/deploy.js';

export default class AppAdd extends MezzoCommand {
  static override summary = 'Deploy an app from a Marathon app definition';
  static override examples = [
    '<%= config.bin %> app add examples/hello.json',
    'cat app.json | <%= config.bin %> app add -',
  ];
  static override enableJsonFlag = true;
  static override args = { file: Args.string({ required: true, description: 'JSON file, or - for standard input' }) };
  static override flags = {
    ...clusterFlags,
    'no-wait': Flags.boolean({ description: 'return once the definition is accepted' }),
    timeout: watchTimeout(120),
  };

  async run(): Promise<App | undefined> {
    const { args, flags } = await this.parse(AppAdd);
    const definition = readDefinition(args.file);
    const cluster = await this.cluster(flags);
    const added = await cluster.json<App>(`${MARATHON}/v2/apps`, { method: 'POST', body: definition });
    if (flags['no-wait']) {
      this.log(`${added.id} accepted`);
      return added;
    }
    const app = await watchApp(cluster, added.id, (line) => this.log(line), flags.timeout * 1000);
    this.log(`${app.id} is up: ${cluster.url}/service${app.id}/`);
    return app;
  }
}
