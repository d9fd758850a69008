import type { PluginStatus } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { installedCommands } from '../../plugin/commands-index.js';
import { listNodes, listPlugins } from '../../plugin/plugins.js';

type Row = PluginStatus & { readonly host: string };

export default class PluginList extends MezzoCommand {
  static override summary = 'List plugins with their states, on each master and agent';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly Row[]> {
    const { flags } = await this.parse(PluginList);
    const cluster = await this.cluster(flags);
    const [nodes, plugins] = await Promise.all([listNodes(cluster), listPlugins(cluster)]);
    const rows = nodes.flatMap(({ node, kind, plugins: on }) =>
      on.map((plugin): Row => ({
        ...plugin,
        host: kind === 'master' && nodes.filter((one) => one.kind === 'master').length === 1 ? 'master' : node,
      })),
    );
    this.table(
      rows,
      {
        id: 'ID',
        version: 'VERSION',
        host: 'HOST',
        state: 'STATE',
        pid: 'PID',
        restarts: 'RESTARTS',
        reason: 'REASON',
      },
      'no plugins',
    );
    for (const { id, rollout, failure } of plugins) {
      if (rollout !== undefined) {
        const done = rollout.turns.filter(({ turn }) => turn === 'done').length;
        const what = rollout.phase === 'back' ? `is taken back (${rollout.reason ?? ''})` : 'is on its way';
        this.log(`\n${id} ${rollout.to ?? 'without a version'} ${what}: ${done} of ${rollout.turns.length} nodes`);
      }
      if (failure !== undefined) this.log(`\n${id} ${failure.version} was taken back: ${failure.reason}`);
    }
    for (const { id, version, commands } of installedCommands()) {
      const there = plugins.find((one) => one.id === id)?.version ?? version;
      const other = there === version ? '' : `; the cluster has ${there}: mezzo plugin commands add ${id}`;
      this.log(`\n${id} ${version} adds to mezzo on this machine: ${Object.keys(commands).join(', ')}${other}`);
    }
    return rows;
  }
}
