import { Args } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import type { TrustedKey } from '@mezzo/sdk/package';
import { clusterFlags, MezzoCommand } from '../../../lib/command.js';
import { callPlugins } from '../../../plugin/plugins.js';

export default class PluginKeyRemove extends MezzoCommand {
  static override summary = 'Trust a key no more; what it has signed and is installed stays';
  static override enableJsonFlag = true;
  static override args = { key: Args.string({ required: true, description: 'name or id of the key' }) };
  static override flags = clusterFlags;

  async run(): Promise<TrustedKey> {
    const { args, flags } = await this.parse(PluginKeyRemove);
    const cluster = await this.cluster(flags);
    const { keys } = await callPlugins<{ keys: TrustedKey[] }>(cluster, '/keys');
    const found = keys.find(({ name, keyid }) => name === args.key || keyid === args.key);
    if (found === undefined)
      throw new MezzoError('NO_KEY', `no trusted key is '${args.key}'`, {
        blame: 'user',
        next: 'mezzo plugin key list',
      });
    await callPlugins(cluster, `/keys?keyid=${encodeURIComponent(found.keyid)}`, { method: 'DELETE' });
    this.log(`${found.name} is trusted no more`);
    return found;
  }
}
