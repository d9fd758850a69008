import { relative } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { MezzoCommand } from '../../lib/command.js';
import { createPlugin, PLUGIN_KINDS, type Created } from '../../plugin/create.js';

export default class PluginCreate extends MezzoCommand {
  static override summary = 'Make the package of a new plugin, with a test and all it needs to run';
  static override examples = ['<%= config.bin %> plugin create ./squares --kind framework'];
  static override enableJsonFlag = true;
  static override args = { dir: Args.string({ required: true, description: 'directory to make: new, or empty' }) };
  static override flags = {
    kind: Flags.string({ required: true, description: PLUGIN_KINDS.join(', '), helpValue: 'KIND' }),
    id: Flags.string({ description: 'id of the plugin (default: the name of the directory)' }),
    js: Flags.boolean({ description: 'JavaScript in the place of TypeScript' }),
  };

  async run(): Promise<Created> {
    const { args, flags } = await this.parse(PluginCreate);
    const created = await createPlugin(args.dir, flags);
    this.log(`${created.dir} holds the plugin ${created.id}: ${created.files.join(', ')}\n\nNext:`);
    this.log(`  cd ${shorter(relative('.', created.dir) || '.', created.dir)}`);
    this.log('  npm test                    # its tests, on fakes of the SDK');
    this.log('  npx mezzo plugin dev        # runs it in the local cluster, anew after each save');
    this.log('  npx mezzo plugin pack       # makes the package to install or publish');
    return created;
  }
}

const shorter = (one: string, other: string): string => (one.length <= other.length ? one : other);
