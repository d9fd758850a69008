import { Args, Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';

export default class RoleSet extends MezzoCommand {
  static override summary = 'Set the weight or the priority of a role';
  static override description =
    'A role of twice the weight gets twice the share. Tasks of roles of lower priority give way to what frameworks of higher ones request, where the master is started with --preemption; roles below have the priority, too.';
  static override enableJsonFlag = true;
  static override args = { role: Args.string({ description: 'name of the role', required: true }) };
  static override flags = {
    ...clusterFlags,
    weight: Flags.string({ description: 'more than 0; others have 1', helpValue: 'NUMBER' }),
    priority: Flags.integer({ description: 'any whole number; others have 0', helpValue: 'NUMBER' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RoleSet);
    const { role } = args;
    const { priority } = flags;
    const weight = flags.weight === undefined ? undefined : Number(flags.weight);
    if (weight === undefined && priority === undefined)
      throw new MezzoError('NOTHING_TO_SET', `nothing is said of '${role}'`, {
        blame: 'user',
        next: 'name --weight or --priority',
      });
    const cluster = await this.cluster(flags);
    const put = (path: string, item: object) => cluster.json(path, { method: 'PUT', body: [{ role, ...item }] });
    if (weight !== undefined) await put('/mesos/weights', { weight });
    if (priority !== undefined) await put('/mesos/priorities', { priority });
    const set = { ...(weight !== undefined && { weight }), ...(priority !== undefined && { priority }) };
    this.log(
      `'${role}' has ${Object.entries(set)
        .map((pair) => pair.join(' '))
        .join(' and ')}`,
    );
    return { role, ...set };
  }
}
