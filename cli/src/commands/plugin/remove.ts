import { Args } from '@oclif/core';
import { hasCode } from '@mezzo/sdk/contract';
import { confirm } from '../../lib/ask.js';
import type { Cluster } from '../../lib/cluster.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { installedCommands } from '../../plugin/commands-index.js';
import { watchFlags, yesFlag } from '../../plugin/flags.js';
import { removeCommands } from '../../plugin/local-commands.js';
import { callPlugins, findEntry, watchVersion } from '../../plugin/plugins.js';

export default class PluginRemove extends MezzoCommand {
  static override summary = 'Remove an installed plugin from all nodes, and its commands from this machine';
  static override description = 'Its stored state and its state directories stay. Refused while something needs it.';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true }) };
  static override flags = { ...clusterFlags, ...yesFlag, ...watchFlags };

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(PluginRemove);
    const cluster = await this.cluster(flags);
    const here = installedCommands().find(({ id }) => id === args.id);
    const known = await findEntry(cluster, args.id).catch((error: unknown) => {
      if (here === undefined || !hasCode(error, 'PLUGIN_NOT_FOUND')) throw error;
      return undefined;
    });
    const { id, version } = known ?? here!;
    if (!flags.yes) await confirm(`Remove ${id} ${version ?? ''}?`, '--yes');
    if (known !== undefined) await this.fromNodes(cluster, id, flags);
    if (removeCommands(id) !== undefined) this.log(`its commands are gone from mezzo on this machine`);
    this.log(`${id} is removed`);
    return { id };
  }

  private async fromNodes(cluster: Cluster, id: string, flags: { 'no-wait': boolean; timeout: number }): Promise<void> {
    await callPlugins(cluster, `/plugins/${id}`, { method: 'DELETE' });
    if (!flags['no-wait']) await watchVersion(cluster, id, undefined, (line) => this.log(line), flags.timeout * 1000);
  }
}
