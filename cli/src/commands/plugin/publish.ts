import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Args } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { signPackage } from '@mezzo/sdk/package';
import { MezzoCommand } from '../../lib/command.js';
import { registryFlag } from '../../plugin/flags.js';
import { packPlugin, readPacked, type Packed } from '../../plugin/pack.js';
import { openRegistry } from '../../plugin/registry.js';
import { keyFlag, readKey } from './pack.js';

export default class PluginPublish extends MezzoCommand {
  static override summary = 'Put a plugin into a registry';
  static override description =
    'A registry over HTTP wants a token, in MEZZO_REGISTRY_TOKEN. A version never changes: another package of the same one is refused.';
  static override examples = [
    '<%= config.bin %> plugin publish ./my-plugin --registry ./registry --key ~/.mezzo/signing.key',
  ];
  static override enableJsonFlag = true;
  static override args = { what: Args.string({ default: '.', description: 'directory of a plugin, or a tarball' }) };
  static override flags = { ...registryFlag, ...keyFlag };

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(PluginPublish);
    if (flags.registry === undefined)
      throw new MezzoError('NO_REGISTRY', 'no registry is given to publish in', {
        blame: 'user',
        next: 'name one with --registry DIR or --registry URL, or in MEZZO_REGISTRY',
      });
    const registry = openRegistry(flags.registry);
    const packed = await this.packed(args.what, readKey(flags.key));
    await registry.publish(packed, process.env.MEZZO_REGISTRY_TOKEN);
    const { name, version } = packed.manifest;
    this.log(
      `${name} ${version} is published in ${registry.where}${packed.signatures.length === 0 ? ', unsigned' : ''}`,
    );
    return { name, version, integrity: packed.integrity, signatures: packed.signatures };
  }

  private async packed(what: string, key: string | undefined): Promise<Packed> {
    if (!statSync(what, { throwIfNoEntry: false })?.isDirectory()) {
      const packed = await readPacked(what);
      return key === undefined
        ? packed
        : { ...packed, signatures: [signPackage(key, { ...packed.manifest, integrity: packed.integrity })] };
    }
    const dir = mkdtempSync(join(tmpdir(), 'mezzo-publish-'));
    try {
      return await packPlugin(what, dir, key);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}
