import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { listNodes, type Node, stateOf } from '../../lib/nodes.js';

export default class NodeList extends MezzoCommand {
  static override summary = 'List agents and what they have left';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly Node[]> {
    const { flags } = await this.parse(NodeList);
    const nodes = await listNodes(await this.cluster(flags));
    const used = (node: Node, name: string) =>
      `${String(node.used_resources[name] ?? 0)}/${String(node.resources[name] ?? 0)}`;
    const rows = nodes.map((node) => ({
      ...node,
      state: stateOf(node),
      cpus: used(node, 'cpus'),
      mem: used(node, 'mem'),
      role: Object.keys(node.reserved_resources ?? {}).join(',') || '*',
    }));
    this.table(
      rows,
      { id: 'ID', hostname: 'HOST', state: 'STATE', cpus: 'CPUS USED', mem: 'MEM USED (MB)', role: 'ROLE' },
      'no agents: start one with `mezzo up` or `mezzo agent`',
    );
    return nodes;
  }
}
