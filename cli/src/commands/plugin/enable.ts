import { Args } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { switchPlugin } from '../../plugin/plugins.js';

export default class PluginEnable extends MezzoCommand {
  static override summary = 'Run a plugin again that was disabled';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true }) };
  static override flags = clusterFlags;

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(PluginEnable);
    this.log(await switchPlugin(await this.cluster(flags), args.id, 'enable'));
    return { id: args.id };
  }
}
