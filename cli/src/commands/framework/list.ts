import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { type FrameworkSummary, listFrameworks } from '../../lib/frameworks.js';

export default class FrameworkList extends MezzoCommand {
  static override summary = 'List frameworks';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly FrameworkSummary[]> {
    const { flags } = await this.parse(FrameworkList);
    const frameworks = await listFrameworks(await this.cluster(flags));
    const columns = { id: 'ID', name: 'NAME', roles: 'ROLES', connected: 'CONNECTED' };
    this.table(frameworks, columns, 'no frameworks');
    return frameworks;
  }
}
