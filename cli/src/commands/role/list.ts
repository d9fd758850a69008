import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { listRoles, type Role } from '../../lib/roles.js';

export default class RoleList extends MezzoCommand {
  static override summary = 'List roles: their weight, priority and quota, and what they have';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly Role[]> {
    const { flags } = await this.parse(RoleList);
    const roles = await listRoles(await this.cluster(flags));
    const amounts = (all: Readonly<Record<string, number>>) =>
      Object.entries(all)
        .filter(([name]) => name !== 'ports')
        .map((pair) => pair.join(':'))
        .join(' ') || '-';
    const rows = roles.map((role) => ({
      ...role,
      has: amounts(role.allocated),
      guarantee: amounts(role.quota.guarantee),
      limit: amounts(role.quota.limit),
      frameworks: role.frameworks.length,
    }));
    this.table(
      rows,
      {
        ...{ name: 'ROLE', weight: 'WEIGHT', priority: 'PRIORITY', frameworks: 'FRAMEWORKS' },
        ...{ has: 'HAS', guarantee: 'GUARANTEE', limit: 'LIMIT' },
      },
      'no roles: no framework is subscribed, and nobody set anything for a role',
    );
    return roles;
  }
}
