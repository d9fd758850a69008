import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { listMachines, type Machine } from '../../lib/maintenance.js';

export default class MaintenanceStatus extends MezzoCommand {
  static override summary = 'List the machines that are, or will be, under maintenance, and what frameworks say to it';
  static override enableJsonFlag = true;
  static override flags = clusterFlags;

  async run(): Promise<readonly Machine[]> {
    const { flags } = await this.parse(MaintenanceStatus);
    const machines = await listMachines(await this.cluster(flags));
    this.table(
      machines,
      {
        hostname: 'HOST',
        ip: 'ADDRESS',
        state: 'STATE',
        start: 'FROM',
        end: 'UNTIL',
        accepted: 'WILL LEAVE',
        declined: 'WILL NOT',
      },
      'no maintenance is scheduled: `mezzo maintenance schedule` does it',
    );
    return machines;
  }
}
