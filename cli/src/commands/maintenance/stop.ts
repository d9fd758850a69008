import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { findMachines, machineArgs, type MachineId, machineName } from '../../lib/maintenance.js';
import { callMaster } from '../../lib/nodes.js';

export default class MaintenanceStop extends MezzoCommand {
  static override summary = 'Take machines into use again; they leave the schedule';

  static override enableJsonFlag = true;
  static override strict = false;
  static override args = machineArgs;
  static override flags = clusterFlags;

  async run(): Promise<readonly MachineId[]> {
    const { argv, flags } = await this.parse(MaintenanceStop);
    const cluster = await this.cluster(flags);
    const machines = await findMachines(cluster, argv as string[]);
    await callMaster(cluster, { type: 'STOP_MAINTENANCE', stop_maintenance: { machines } });
    for (const id of machines) this.log(`${machineName(id)} is up`);
    return machines;
  }
}
