import { Args } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { callPlugins, findEntry } from '../../plugin/plugins.js';

export default class PluginEnable extends MezzoCommand {
  static override summary = 'Run a plugin again that was disabled';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true }) };
  static override flags = clusterFlags;

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(PluginEnable);
    const cluster = await this.cluster(flags);
    const { id, manifest } = await findEntry(cluster, args.id);
    await callPlugins(cluster, `/plugins/${id}/enable`, { method: 'POST' });
    const when = manifest?.process === 'kernel' ? ': daemons take it at their next start' : '';
    this.log(`${id} is enabled${when}`);
    return { id };
  }
}
