import { setTimeout as sleep } from 'node:timers/promises';
import { Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { callMaster, findNode, listNodes, type Node, nodeArg, stateOf } from '../../lib/nodes.js';

const POLL_MS = 200;

export default class NodeDrain extends MezzoCommand {
  static override summary = 'Take an agent out of use and end its tasks; their frameworks start them elsewhere';
  static override description = 'It stays out of use, over restarts too, until `node activate`.';
  static override enableJsonFlag = true;
  static override args = { node: nodeArg };
  static override flags = {
    ...clusterFlags,
    grace: Flags.integer({
      description: 'no task gets longer than this to end (default: as long as its own kill policy says)',
      min: 0,
      helpValue: 'SECONDS',
    }),
    gone: Flags.boolean({ description: 'then mark it gone: it is never let in again' }),
    'no-wait': Flags.boolean({ description: 'return once it is asked to' }),
    timeout: Flags.integer({ description: 'how long to wait', default: 600, min: 1, helpValue: 'SECONDS' }),
  };

  async run(): Promise<Pick<Node, 'id'>> {
    const { args, flags } = await this.parse(NodeDrain);
    const cluster = await this.cluster(flags);
    const { id } = await findNode(cluster, args.node);
    const { grace, gone } = flags;
    await callMaster(cluster, {
      type: 'DRAIN_AGENT',
      drain_agent: {
        agent_id: { value: id },
        mark_gone: gone,
        ...(grace !== undefined && { max_grace_period: { seconds: grace } }),
      },
    });
    for (const deadline = Date.now() + flags.timeout * 1000; !flags['no-wait']; await sleep(POLL_MS)) {
      const node = (await listNodes(cluster)).find((one) => one.id === id);
      if (node === undefined || stateOf(node) === 'drained') break;
      if (Date.now() > deadline)
        throw new MezzoError('DRAIN_SLOW', `${id} is still draining after ${flags.timeout} s`, {
          blame: 'user',
          next: 'look at `mezzo task list`: a task may use all of its grace, or a framework may be away and not acknowledge',
        });
    }
    this.log(flags['no-wait'] ? `${id} drains` : `${id} is ${gone ? 'drained and gone' : 'drained'}`);
    return { id };
  }
}
