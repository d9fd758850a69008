import { MezzoCommand } from '../../../lib/command.js';
import { installedCommands } from '../../../plugin/commands-index.js';

interface Row {
  readonly id: string;
  readonly version: string;
  readonly command: string;
  readonly description: string;
}

export default class PluginCommandsList extends MezzoCommand {
  static override summary = 'List the commands that plugins have added to mezzo on this machine';
  static override enableJsonFlag = true;

  async run(): Promise<readonly Row[]> {
    await this.parse(PluginCommandsList);
    const rows = installedCommands().flatMap(({ id, version, commands }) =>
      Object.entries(commands).map(([command, description]) => ({ id, version, command, description })),
    );
    this.table(
      rows,
      { command: 'COMMAND', id: 'PLUGIN', version: 'VERSION', description: 'DESCRIPTION' },
      'none: add them with `mezzo plugin commands add ID`',
    );
    return rows;
  }
}
