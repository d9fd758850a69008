import { Args, Flags } from '@oclif/core';
import semver from 'semver';
import { confirm } from '../../lib/ask.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { installedCommands } from '../../plugin/commands-index.js';
import { registryFlag, watchFlags, yesFlag } from '../../plugin/flags.js';
import { installPlugin, type Installed } from '../../plugin/install.js';
import { findEntry, listPlugins } from '../../plugin/plugins.js';
import { findPlugin, openRegistry } from '../../plugin/registry.js';

export default class PluginUpgrade extends MezzoCommand {
  static override summary = 'Bring installed plugins to the newest version in the registry';
  static override examples = [
    '<%= config.bin %> plugin upgrade metronome',
    '<%= config.bin %> plugin upgrade --dry-run',
  ];
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ description: 'one plugin (default: all that were installed)' }) };
  static override flags = {
    ...clusterFlags,
    ...registryFlag,
    ...yesFlag,
    'dry-run': Flags.boolean({ description: 'say what there is, and do nothing' }),
    'allow-unsigned': Flags.boolean({ description: 'also when no trusted key has signed it' }),
    ...watchFlags,
  };

  async run(): Promise<readonly (Installed | { id: string; version?: string; newest: string })[]> {
    const { args, flags } = await this.parse(PluginUpgrade);
    const cluster = await this.cluster(flags);
    const where = flags.registry;
    const here = installedCommands();
    const onCluster = await listPlugins(cluster);
    const alone = here
      .filter(({ id }) => !onCluster.some((one) => one.id === id))
      .map(({ id, name, version }) => ({ id, version, manifest: { name }, builtIn: false }));
    const all = [...onCluster, ...alone].filter(({ id }) => args.id === undefined || id === args.id);
    if (all.length === 0) await findEntry(cluster, args.id ?? '');
    const done = [];
    for (const { id, version, manifest, builtIn } of all) {
      if (manifest === undefined || (builtIn && args.id === undefined)) continue;
      const newest = (await findPlugin(openRegistry(where), manifest.name)).manifest.version;
      if (version !== undefined && !semver.gt(newest, version)) {
        this.log(`${id} ${version} is the newest`);
        continue;
      }
      if (flags['dry-run']) {
        this.log(`${id} ${version ?? 'none'}: ${newest} is there`);
        done.push({ id, ...(version !== undefined && { version }), newest });
        continue;
      }
      done.push(
        await installPlugin(cluster, `${manifest.name}@${newest}`, {
          registry: where,
          allowUnsigned: flags['allow-unsigned'],
          wait: !flags['no-wait'],
          timeoutMs: flags.timeout * 1000,
          commandsOf: here.some((one) => one.id === id) ? this.config : undefined,
          say: (line) => this.log(line),
          confirm: () => (flags.yes ? Promise.resolve() : confirm(`Upgrade it from ${version ?? 'none'}?`, '--yes')),
        }),
      );
    }
    return done;
  }
}
