import { Args } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { callPlugins, findEntry } from '../../plugin/plugins.js';

export default class PluginDisable extends MezzoCommand {
  static override summary = 'Stop a plugin on all nodes, and keep it installed';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true }) };
  static override flags = clusterFlags;

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(PluginDisable);
    const cluster = await this.cluster(flags);
    const { id, manifest } = await findEntry(cluster, args.id);
    await callPlugins(cluster, `/plugins/${id}/disable`, { method: 'POST' });
    const when = manifest?.process === 'kernel' ? ': daemons take it at their next start' : '';
    this.log(`${id} is disabled${when}`);
    return { id };
  }
}
