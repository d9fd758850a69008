import { Args } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { callPlugins, findEntry } from '../../plugin/plugins.js';

export default class PluginRollback extends MezzoCommand {
  static override summary = 'Take a version or a configuration back that is on its way to the nodes';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true }) };
  static override flags = clusterFlags;

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(PluginRollback);
    const cluster = await this.cluster(flags);
    const { id } = await findEntry(cluster, args.id);
    await callPlugins(cluster, `/plugins/${id}/rollback`, { method: 'POST' });
    this.log(`${id} is taken back`);
    return { id };
  }
}
