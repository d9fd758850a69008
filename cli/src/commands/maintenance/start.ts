import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { findMachines, machineArgs, type MachineId, machineName } from '../../lib/maintenance.js';
import { callMaster } from '../../lib/nodes.js';

export default class MaintenanceStart extends MezzoCommand {
  static override summary = 'Take machines of the schedule down: their agents end, with all tasks, and none is let in';
  static override description =
    'Frameworks start the tasks elsewhere. Agents of a machine that is down are refused until `maintenance stop`.';
  static override enableJsonFlag = true;
  static override strict = false;
  static override args = machineArgs;
  static override flags = clusterFlags;

  async run(): Promise<readonly MachineId[]> {
    const { argv, flags } = await this.parse(MaintenanceStart);
    const cluster = await this.cluster(flags);
    const machines = await findMachines(cluster, argv as string[]);
    await callMaster(cluster, { type: 'START_MAINTENANCE', start_maintenance: { machines } });
    for (const id of machines) this.log(`${machineName(id)} is down`);
    return machines;
  }
}
