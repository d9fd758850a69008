import { existsSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { Args } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { keyIdOf, makeSigningKey } from '@mezzo/sdk/package';
import { writeSecret } from '@mezzo/sdk/secrets';
import { MezzoCommand } from '../../../lib/command.js';

export default class PluginKeyCreate extends MezzoCommand {
  static override summary = 'Make a pair of keys to sign plugins with';
  static override description =
    'FILE gets the private one (0600), FILE.pub the public one, which clusters are told to trust.';
  static override enableJsonFlag = true;
  static override args = { file: Args.string({ required: true }) };

  async run(): Promise<{ keyid: string }> {
    const { args } = await this.parse(PluginKeyCreate);
    if (existsSync(args.file))
      throw new MezzoError('FILE_EXISTS', `${args.file} is there already`, {
        blame: 'user',
        next: 'name another file',
      });
    const { privatePem, publicPem } = makeSigningKey();
    writeSecret(args.file, privatePem);
    writeFileSync(`${args.file}.pub`, publicPem);
    const keyid = keyIdOf(publicPem);
    this.log(`${keyid}\nsign with --key ${args.file}; trust it with \`mezzo plugin key trust ${args.file}.pub\``);
    return { keyid };
  }
}
