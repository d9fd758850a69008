import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { callMaster, findNode, type Node, nodeArg } from '../../lib/nodes.js';

export default class NodeDeactivate extends MezzoCommand {
  static override summary = 'Offer an agent to nobody; its tasks run on';
  static override enableJsonFlag = true;
  static override args = { node: nodeArg };
  static override flags = clusterFlags;

  async run(): Promise<Pick<Node, 'id'>> {
    const { args, flags } = await this.parse(NodeDeactivate);
    const cluster = await this.cluster(flags);
    const { id } = await findNode(cluster, args.node);
    await callMaster(cluster, { type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id: { value: id } } });
    this.log(`${id} is deactivated`);
    return { id };
  }
}
