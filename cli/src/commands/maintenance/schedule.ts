import { Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import {
  findMachines,
  machineArgs,
  type MachineId,
  machineName,
  nanosecondsOf,
  readSchedule,
  sameMachine,
  type Window,
} from '../../lib/maintenance.js';
import { callMaster } from '../../lib/nodes.js';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export default class MaintenanceSchedule extends MezzoCommand {
  static override summary = 'Plan maintenance of machines, or call it off';
  static override description =
    'Offers of these machines say when they will be away, and frameworks that use them are asked to leave. They run on until `maintenance start`.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node7.example.org --start 2030-05-01T22:00:00Z --for 2h',
    '<%= config.bin %> <%= command.id %> node7.example.org --cancel',
  ];
  static override enableJsonFlag = true;
  static override strict = false;
  static override args = machineArgs;
  static override flags = {
    ...clusterFlags,
    start: Flags.string({ description: 'when it begins, as ISO 8601 (default: now)', helpValue: 'TIME' }),
    for: Flags.string({ description: 'how long, as 90s, 30m, 2h or 1d (default: it is not known)', helpValue: 'TIME' }),
    cancel: Flags.boolean({ description: 'take the machines out of the schedule', exclusive: ['start', 'for'] }),
  };

  async run(): Promise<readonly MachineId[]> {
    const { argv, flags } = await this.parse(MaintenanceSchedule);
    const cluster = await this.cluster(flags);
    const machines = await findMachines(cluster, argv as string[]);
    const others = (await readSchedule(cluster)).flatMap(({ machine_ids: ids = [], unavailability }) => {
      const rest = ids.filter((id) => !machines.some((one) => sameMachine(one, id)));
      return rest.length > 0 ? [{ machine_ids: rest, unavailability }] : [];
    });
    const added: Window[] = flags.cancel
      ? []
      : [{ machine_ids: machines, unavailability: timeOf(flags.start, flags.for) }];
    const schedule = { windows: [...others, ...added] };
    await callMaster(cluster, { type: 'UPDATE_MAINTENANCE_SCHEDULE', update_maintenance_schedule: { schedule } });
    for (const id of machines)
      this.log(`${machineName(id)} is ${flags.cancel ? 'not scheduled any more' : 'scheduled'}`);
    return machines;
  }
}

function timeOf(start: string | undefined, length: string | undefined): Window['unavailability'] {
  const startMs = start === undefined ? Date.now() : Date.parse(start);
  if (Number.isNaN(startMs)) throw refusal(`--start ${start} is no time`, 'write it as 2030-05-01T22:00:00Z');
  if (length === undefined) return { start: { nanoseconds: nanosecondsOf(startMs) } };
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(length) ?? [];
  if (unit === undefined) throw refusal(`--for ${length} is no length of time`, 'write it as 90s, 30m, 2h or 1d');
  const duration = { nanoseconds: nanosecondsOf(Number(amount) * UNIT_MS[unit]!) };
  return { start: { nanoseconds: nanosecondsOf(startMs) }, duration };
}

const refusal = (message: string, next: string): MezzoError =>
  new MezzoError('INVALID_TIME', message, { blame: 'user', next });
