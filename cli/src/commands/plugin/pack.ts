import { readFileSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import { MezzoCommand } from '../../lib/command.js';
import { packPlugin } from '../../plugin/pack.js';

export const keyFlag = {
  key: Flags.string({
    description: 'private key to sign with, from `plugin key create`',
    env: 'MEZZO_SIGNING_KEY',
    helpValue: 'FILE',
  }),
};

export default class PluginPack extends MezzoCommand {
  static override summary = 'Pack the plugin of a directory: bundled, checked, signed';
  static override description = 'A signature is written beside it, as FILE.sig.';
  static override enableJsonFlag = true;
  static override args = { dir: Args.directory({ default: '.', description: 'holds package.json' }) };
  static override flags = {
    ...keyFlag,
    out: Flags.string({ description: 'file, or directory for ID-VERSION.tgz', default: '.', helpValue: 'FILE' }),
  };

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(PluginPack);
    const { manifest, file, integrity, signatures } = await packPlugin(args.dir, flags.out, readKey(flags.key));
    this.log(`${file}\n${integrity}${signatures.map(({ keyid }) => `\nsigned by ${keyid}`).join('')}`);
    return { manifest, file, integrity, signatures };
  }
}

export const readKey = (file: string | undefined): string | undefined =>
  file === undefined ? undefined : readFileSync(file, 'utf8');
