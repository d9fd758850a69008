import type { PluginStatus } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';

type Row = PluginStatus & { readonly host: string };

export default class PluginList extends MezzoCommand {
  static override summary = 'List plugins with their states, on the master and on each agent';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly Row[]> {
    const { flags } = await this.parse(PluginList);
    const cluster = await this.cluster(flags);
    const { slaves } = await cluster.json<{ slaves: { id: string; hostname: string }[] }>('/mesos/slaves');
    const list = async (path: string, host: string) =>
      (await cluster.json<{ plugins: PluginStatus[] }>(path)).plugins.map((plugin): Row => ({ ...plugin, host }));
    const lists = await Promise.all([
      list('/mesos/plugins/v1/plugins', 'master'),
      ...slaves.map(({ id, hostname }) => list(`/agent/${id}/plugins/v1/plugins`, hostname).catch(() => [] as Row[])),
    ]);
    const plugins = lists.flat();
    this.table(
      plugins,
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
    return plugins;
  }
}
