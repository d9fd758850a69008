import { Args } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { MezzoCommand } from '../../../lib/command.js';
import { removeCommands } from '../../../plugin/local-commands.js';

export default class PluginCommandsRemove extends MezzoCommand {
  static override summary = 'Remove the commands of a plugin from mezzo on this machine';
  static override description = 'The plugin itself runs on in the cluster.';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true, description: 'id of the plugin' }) };

  async run(): Promise<{ id: string }> {
    const { args } = await this.parse(PluginCommandsRemove);
    const { id } = args;
    const removed = removeCommands(id);
    if (removed === undefined)
      throw new MezzoError('NO_COMMANDS', `this machine has no commands of a plugin ${id}`, {
        blame: 'user',
        next: 'mezzo plugin commands list',
      });
    this.log(`mezzo has no ${Object.keys(removed.commands).join(', ')} any more`);
    return { id };
  }
}
