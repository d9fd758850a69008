import type { TrustedKey } from '@mezzo/sdk/package';
import { clusterFlags, MezzoCommand } from '../../../lib/command.js';
import { callPlugins } from '../../../plugin/plugins.js';

export default class PluginKeyList extends MezzoCommand {
  static override summary = 'List the keys whose plugins are let in';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly TrustedKey[]> {
    const { flags } = await this.parse(PluginKeyList);
    const { keys } = await callPlugins<{ keys: TrustedKey[] }>(await this.cluster(flags), '/keys');
    this.table(keys, { name: 'NAME', keyid: 'KEY' }, 'no keys are trusted');
    return keys;
  }
}
