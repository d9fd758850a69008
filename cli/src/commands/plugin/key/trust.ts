import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { keyIdOf, type TrustedKey } from '@mezzo/sdk/package';
import { clusterFlags, MezzoCommand } from '../../../lib/command.js';
import { callPlugins } from '../../../plugin/plugins.js';

export default class PluginKeyTrust extends MezzoCommand {
  static override summary = 'Let plugins in that this key has signed';
  static override enableJsonFlag = true;
  static override args = { file: Args.string({ required: true, description: 'public key in PEM' }) };
  static override flags = {
    ...clusterFlags,
    name: Flags.string({ description: 'whose it is (default: name of the file)' }),
  };

  async run(): Promise<TrustedKey> {
    const { args, flags } = await this.parse(PluginKeyTrust);
    const pem = readFileSync(args.file, 'utf8');
    keyIdOf(pem);
    const name = flags.name ?? basename(args.file).replace(/\.(pub|pem)$/, '');
    const key = await callPlugins<TrustedKey>(await this.cluster(flags), '/keys', {
      method: 'POST',
      body: { name, pem },
    });
    this.log(`${key.name} is trusted: ${key.keyid}`);
    return key;
  }
}
