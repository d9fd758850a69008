import { Args } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { switchPlugin } from '../../plugin/plugins.js';

export default class PluginDisable extends MezzoCommand {
  static override summary = 'Stop a plugin on all nodes, and keep it installed';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true }) };
  static override flags = clusterFlags;

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(PluginDisable);
    this.log(await switchPlugin(await this.cluster(flags), args.id, 'disable'));
    return { id: args.id };
  }
}
