import { clusterFlags, MezzoCommand } from '../../lib/command.js';

interface Node {
  readonly id: string;
  readonly hostname: string;
  readonly active: boolean;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly used_resources: Readonly<Record<string, unknown>>;
  readonly reserved_resources?: Readonly<Record<string, unknown>>;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export default class NodeList extends MezzoCommand {
  static override summary = 'List agents and what they have left';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly Node[]> {
    const { flags } = await this.parse(NodeList);
    const { slaves } = await (await this.cluster(flags)).json<{ slaves: Node[] }>('/mesos/slaves');
    const used = (node: Node, name: string) =>
      `${String(node.used_resources[name] ?? 0)}/${String(node.resources[name] ?? 0)}`;
    const rows = slaves.map((node) => ({
      ...node,
      state: node.active ? 'active' : 'inactive',
      cpus: used(node, 'cpus'),
      mem: used(node, 'mem'),
      role: Object.keys(node.reserved_resources ?? {}).join(',') || '*',
    }));
    this.table(
      rows,
      { id: 'ID', hostname: 'HOST', state: 'STATE', cpus: 'CPUS USED', mem: 'MEM USED (MB)', role: 'ROLE' },
      'no agents: start one with `mezzo up` or `mezzo agent`',
    );
    return slaves;
  }
}
