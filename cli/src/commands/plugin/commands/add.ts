import { Args } from '@oclif/core';
import { confirm } from '../../../lib/ask.js';
import { clusterFlags, MezzoCommand } from '../../../lib/command.js';
import type { InstalledCommands } from '../../../plugin/commands-index.js';
import { yesFlag } from '../../../plugin/flags.js';
import { addCommands, builtInWords, packageOfCluster, requireNames } from '../../../plugin/local-commands.js';
import { describe } from '../../../plugin/plugins.js';

export default class PluginCommandsAdd extends MezzoCommand {
  static override summary = 'Add the commands of an installed plugin to mezzo on this machine';
  static override description =
    'They come from the cluster, in the version that it runs, and may do all that you may. Says which they are, and asks.';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true, description: 'id of the plugin' }) };
  static override flags = { ...clusterFlags, ...yesFlag };

  async run(): Promise<InstalledCommands> {
    const { args, flags } = await this.parse(PluginCommandsAdd);
    const packed = await packageOfCluster(await this.cluster(flags), args.id);
    const own = builtInWords(this.config);
    requireNames(packed.manifest, own);
    for (const line of describe(packed.manifest)) this.log('%s', line);
    if (!flags.yes) await confirm('Add its commands to mezzo on this machine?', '--yes');
    const added = await addCommands(packed, own);
    this.log(`mezzo has ${Object.keys(added.commands).join(', ')} on this machine`);
    return added;
  }
}
