import { Args } from '@oclif/core';
import { confirm } from '../../lib/ask.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { watchFlags, yesFlag } from '../../plugin/flags.js';
import { callPlugins, findEntry, watchVersion } from '../../plugin/plugins.js';

export default class PluginRemove extends MezzoCommand {
  static override summary = 'Remove an installed plugin from all nodes';
  static override description = 'Its stored state and its state directories stay. Refused while something needs it.';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true }) };
  static override flags = { ...clusterFlags, ...yesFlag, ...watchFlags };

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(PluginRemove);
    const cluster = await this.cluster(flags);
    const { id, version } = await findEntry(cluster, args.id);
    if (!flags.yes) await confirm(`Remove ${id} ${version ?? ''}?`, '--yes');
    await callPlugins(cluster, `/plugins/${id}`, { method: 'DELETE' });
    if (!flags['no-wait']) await watchVersion(cluster, id, undefined, (line) => this.log(line), flags.timeout * 1000);
    this.log(`${id} is removed`);
    return { id };
  }
}
