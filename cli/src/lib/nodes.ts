import { Args } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Cluster } from './cluster.js';

export interface Node {
  readonly id: string;
  readonly hostname: string;
  readonly pid: string;
  readonly active: boolean;
  readonly deactivated: boolean;
  readonly drain_info?: { readonly state: 'DRAINING' | 'DRAINED' };
  readonly resources: Readonly<Record<string, unknown>>;
  readonly used_resources: Readonly<Record<string, unknown>>;
  readonly reserved_resources?: Readonly<Record<string, unknown>>;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export const nodeArg = Args.string({ required: true, description: 'id of the agent, or an end of it that is unique' });

export const listNodes = async (cluster: Cluster): Promise<readonly Node[]> =>
  (await cluster.json<{ slaves: Node[] }>('/mesos/slaves')).slaves;

/** By its id, by the end of it, as in S0, or by its host name. */
export async function findNode(cluster: Cluster, text: string): Promise<Node> {
  const nodes = await listNodes(cluster);
  const found = nodes.filter(({ id, hostname }) => id === text || id.endsWith(`-${text}`) || hostname === text);
  if (found.length === 1) return found[0]!;
  throw new MezzoError(
    found.length === 0 ? 'NO_NODE' : 'NODE_AMBIGUOUS',
    found.length === 0 ? `no agent is '${text}'` : `'${text}' is ${found.length} agents`,
    { blame: 'user', next: 'list them with `mezzo node list`' },
  );
}

export const callMaster = (cluster: Cluster, call: Readonly<Record<string, unknown>>): Promise<void> =>
  cluster.json('/mesos/api/v1', { method: 'POST', body: call });

export function stateOf({ active, deactivated, drain_info: drain }: Node): string {
  if (drain !== undefined) return drain.state.toLowerCase();
  return deactivated ? 'deactivated' : active ? 'active' : 'away';
}
