import { Args } from '@oclif/core';
import { MezzoCommand } from '../../lib/command.js';
import { registryFlag } from '../../plugin/flags.js';
import { openRegistry } from '../../plugin/registry.js';

interface Row {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly description: string;
}

export default class PluginSearch extends MezzoCommand {
  static override summary = 'Find plugins in a registry';
  static override enableJsonFlag = true;
  static override args = { text: Args.string({ description: 'part of a name or a description' }) };
  static override flags = registryFlag;

  async run(): Promise<readonly Row[]> {
    const { args, flags } = await this.parse(PluginSearch);
    const found = await openRegistry(flags.registry).search(args.text ?? '');
    const rows = found.map(({ name, version, description = '', mezzo }) => ({
      ...{ name, version, description },
      id: String(Object(mezzo).id),
    }));
    this.table(rows, { name: 'NAME', id: 'ID', version: 'VERSION', description: 'DESCRIPTION' }, 'no plugins');
    return rows;
  }
}
