import type { MachineID, MaintenanceSchedule } from '@mezzo/sdk/api';
import { machineKey } from './machines.js';

/** Why a schedule is none. Undefined when it is one. */
export function scheduleError({ windows = [] }: MaintenanceSchedule): string | undefined {
  const seen = new Set<string>();
  for (const { machineIds = [], unavailability } of windows) {
    if (machineIds.length === 0) return 'List of machines in the maintenance window is empty';
    if (BigInt(unavailability.duration?.nanoseconds ?? 0) < 0n) return "Unavailability 'duration' is negative";
    const error = repeatedOrBad(machineIds, seen);
    if (error !== undefined) return error;
  }
  return undefined;
}

export const machinesError = (ids: readonly MachineID[]): string | undefined =>
  ids.length === 0 ? 'List of machines is empty' : repeatedOrBad(ids, new Set());

function repeatedOrBad(ids: readonly MachineID[], seen: Set<string>): string | undefined {
  for (const id of ids) {
    const error = machineError(id);
    if (error !== undefined) return error;
    const key = machineKey(id);
    if (seen.has(key)) return `Machine ${quoted(id)} appears more than once in the schedule`;
    seen.add(key);
  }
  return undefined;
}

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);

function machineError({ hostname = '', ip = '' }: MachineID): string | undefined {
  if (hostname === '' && ip === '') return "Both 'hostname' and 'ip' for a machine are empty";
  return ip === '' || IPV4.test(ip) ? undefined : `Failed to parse the IP '${ip}': it must be an IPv4 address`;
}

/** As JSON, in quotes. */
export const quoted = (id: MachineID): string => `'${JSON.stringify(id)}'`;
