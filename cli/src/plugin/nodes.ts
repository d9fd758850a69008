import type { Cluster } from '../lib/cluster.js';
import { findNode } from '../lib/nodes.js';

/** Where the router has the API of an agent. */
export const agentPath = async (cluster: Cluster, agent: string): Promise<string> =>
  `/agent/${(await findNode(cluster, agent)).id}`;
