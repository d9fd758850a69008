import { readFileSync } from 'node:fs';
import { Args } from '@oclif/core';
import { MezzoError, type PluginStatus } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';

const INSTALL_TIMEOUT_MS = 60_000;

export default class PluginInstall extends MezzoCommand {
  static override summary = 'Install a plugin from a package tarball';
  static override examples = ['<%= config.bin %> plugin install ./my-plugin-1.0.0.tgz'];
  static override enableJsonFlag = true;
  static override args = { file: Args.string({ required: true, description: 'tarball as npm pack makes it' }) };
  static override flags = clusterFlags;

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(PluginInstall);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(args.file);
    } catch (cause) {
      throw new MezzoError('FILE_UNREADABLE', `cannot read ${args.file}: ${(cause as NodeJS.ErrnoException).code}`, {
        blame: 'user',
        next: 'give the path of a .tgz; names from a registry are not supported yet',
      });
    }
    const cluster = await this.cluster(flags);
    const answer = await cluster.json<{ plugin: PluginStatus; message?: string }>('/mesos/plugins/v1/plugins', {
      method: 'POST',
      body: bytes,
      timeoutMs: INSTALL_TIMEOUT_MS,
    });
    this.log(answer.message ?? `${answer.plugin.id} ${answer.plugin.version} is ${answer.plugin.state}`);
    return answer;
  }
}
