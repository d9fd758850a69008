import { Args } from '@oclif/core';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { registryFlag } from '../../plugin/flags.js';
import { describe, findEntry, listNodes, rowsOf, type PluginEntry } from '../../plugin/plugins.js';
import { findPlugin, openRegistry } from '../../plugin/registry.js';

export default class PluginShow extends MezzoCommand {
  static override summary = 'Show what a plugin is and may do, its configuration, and how it does on each node';
  static override description = 'With --registry: what a registry says of one that is not installed.';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true, description: 'id; with --registry NAME[@RANGE]' }) };
  static override flags = { ...clusterFlags, ...registryFlag };

  async run(): Promise<unknown> {
    const { args, flags } = await this.parse(PluginShow);
    if (flags.registry !== undefined) {
      const found = await findPlugin(openRegistry(flags.registry), args.id);
      for (const line of describe(found.manifest)) this.log(line);
      this.logConfig(found.manifest.config, {});
      return found;
    }
    const cluster = await this.cluster(flags);
    const [entry, nodes] = await Promise.all([findEntry(cluster, args.id), listNodes(cluster)]);
    const rows = rowsOf(nodes, args.id);
    this.show(entry, rows);
    return { ...entry, nodes: rows };
  }

  private show(entry: PluginEntry, rows: readonly (PluginStatus & { node: string })[]): void {
    if (entry.manifest) for (const line of describe(entry.manifest)) this.log(line);
    this.log(`  ${entry.builtIn ? 'ships with Mezzo' : 'was installed'}${entry.enabled ? '' : ', disabled'}`);
    if (entry.manifest) this.logConfig(entry.manifest.config, entry.config);
    const { rollout, failure } = entry;
    if (rollout) this.log(`\n${rollout.to ?? 'its removal'} is on its way${rollout.phase === 'back' ? ' back' : ''}:`);
    for (const { node, turn } of rollout?.turns ?? []) this.log(`  ${node}  ${turn}`);
    if (failure) this.log(`\n${failure.version} was taken back: ${failure.reason}`);
    this.log('');
    this.table(
      rows,
      { node: 'NODE', version: 'VERSION', state: 'STATE', pid: 'PID', restarts: 'RESTARTS', reason: 'REASON' },
      'on no node',
    );
  }

  private logConfig(schema: Readonly<Record<string, unknown>>, given: Readonly<Record<string, unknown>>): void {
    const keys = Object.entries(
      Object(schema['properties']) as Record<string, { default?: unknown; description?: string }>,
    );
    if (keys.length === 0) return;
    this.log('\nconfiguration:');
    for (const [key, { default: standard, description = '' }] of keys) {
      const value =
        key in given
          ? `${JSON.stringify(given[key])} (given)`
          : standard === undefined
            ? '-'
            : JSON.stringify(standard);
      this.log(`  ${key} = ${value}${description === '' ? '' : `  ${description}`}`);
    }
  }
}
