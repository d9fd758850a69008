import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { callMaster, findNode, type Node, nodeArg } from '../../lib/nodes.js';

export default class NodeActivate extends MezzoCommand {
  static override summary = 'Take an agent into use again after `node deactivate` or `node drain`';
  static override enableJsonFlag = true;
  static override args = { node: nodeArg };
  static override flags = clusterFlags;

  async run(): Promise<Pick<Node, 'id'>> {
    const { args, flags } = await this.parse(NodeActivate);
    const cluster = await this.cluster(flags);
    const { id } = await findNode(cluster, args.node);
    await callMaster(cluster, { type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id: { value: id } } });
    this.log(`${id} is activated`);
    return { id };
  }
}
