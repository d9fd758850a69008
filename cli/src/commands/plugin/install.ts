import { Args, Flags } from '@oclif/core';
import { confirm } from '../../lib/ask.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { registryFlag, watchFlags, yesFlag } from '../../plugin/flags.js';
import { installPlugin, type Installed } from '../../plugin/install.js';

export default class PluginInstall extends MezzoCommand {
  static override summary = 'Install or upgrade a plugin on all nodes that it is for';
  static override description =
    'A new version goes to one node first, and to the others when it is well there; it is taken back everywhere when it is not. Commands that it brings are added to mezzo on this machine. Says what the plugin may do, and asks.';
  static override examples = [
    '<%= config.bin %> plugin install ./my-plugin-1.0.0.tgz --allow-unsigned',
    '<%= config.bin %> plugin install metronome@^1 --registry https://registry.example.com',
  ];
  static override enableJsonFlag = true;
  static override args = {
    plugin: Args.string({ required: true, description: 'tarball, or NAME[@RANGE] of one in the registry' }),
  };
  static override flags = {
    ...clusterFlags,
    ...registryFlag,
    ...yesFlag,
    'allow-unsigned': Flags.boolean({ description: 'also when no trusted key has signed it' }),
    'no-commands': Flags.boolean({ description: 'leave mezzo on this machine without the commands that it brings' }),
    ...watchFlags,
  };

  async run(): Promise<Installed> {
    const { args, flags } = await this.parse(PluginInstall);
    return installPlugin(await this.cluster(flags), args.plugin, {
      registry: flags.registry,
      allowUnsigned: flags['allow-unsigned'],
      wait: !flags['no-wait'],
      timeoutMs: flags.timeout * 1000,
      commandsOf: flags['no-commands'] ? undefined : this.config,
      say: (line) => this.log(line),
      confirm: () => (flags.yes ? Promise.resolve() : confirm('Install it?', '--yes')),
    });
  }
}
