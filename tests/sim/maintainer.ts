import type { MachineID, MasterCall } from '@mezzo/sdk/api';
import { machineKey } from '../../kernel/core/master/machines.js';
import { maintenanceStatus } from '../../kernel/core/master/maintenance.js';
import type { AgentNode } from './agent-node.js';
import type { World } from './world.js';

/** Plans maintenance, takes machines down and up again, and remembers what it was told is done. */
export class Maintainer {
  private draining = new Map<string, MachineID>();
  private down = new Map<string, MachineID>();
  /** Everything that it ever asked to have down: tasks there end without their agent's word. */
  private readonly everDown = new Set<string>();

  constructor(private readonly world: World) {}

  get isAtWork(): boolean {
    return this.draining.size + this.down.size > 0;
  }

  mayBeDown(agent: AgentNode): boolean {
    return this.everDown.has(machineKey(machineOf(agent)));
  }

  /** What may come to its mind now. */
  wishes(): (() => MasterCall)[] {
    const up = this.down.size > 0 ? [() => stop([...this.down.values()])] : [];
    const down = this.draining.size > 0 ? [() => this.someStart()] : [];
    return [() => this.someSchedule(), ...down, ...up];
  }

  relent(): MasterCall {
    return this.down.size > 0 ? stop([...this.down.values()]) : scheduleOf([], 0);
  }

  asks({ startMaintenance }: MasterCall): void {
    for (const id of startMaintenance?.machines ?? []) this.everDown.add(machineKey(id));
  }

  /** After any answer it looks at how things stand: a call said twice is refused the second time, and yet done. */
  note({ updateMaintenanceSchedule, startMaintenance, stopMaintenance }: MasterCall): void {
    const { state } = this.world.master;
    if (state === undefined || !(updateMaintenanceSchedule ?? startMaintenance ?? stopMaintenance)) return;
    const { drainingMachines = [], downMachines = [] } = maintenanceStatus(state);
    this.draining = byKey(drainingMachines.map(({ id }) => id));
    this.down = byKey(downMachines);
  }

  audit(): string[] {
    const { state } = this.world.master;
    if (state === undefined) return [];
    const { drainingMachines = [], downMachines = [] } = maintenanceStatus(state);
    const [draining, down] = [byKey(drainingMachines.map(({ id }) => id)), byKey(downMachines)];
    const seen = print(draining, down);
    const promised = print(this.draining, this.down);
    return seen === promised ? [] : [`the machines are ${seen}, and ${promised} was promised`];
  }

  private someSchedule(): MasterCall {
    const { time, agents } = this.world;
    const machines = agents.map(machineOf).filter((id) => this.down.has(machineKey(id)) || time.random.chance(0.5));
    return scheduleOf(machines, time.random.between(1, 3));
  }

  private someStart(): MasterCall {
    const machines = [this.world.time.random.pick([...this.draining.values()])];
    return { type: 'START_MAINTENANCE', startMaintenance: { machines } };
  }
}

const machineOf = ({ config: { hostname, ip } }: AgentNode): MachineID => ({ hostname, ip });
const byKey = (ids: readonly MachineID[]): Map<string, MachineID> => new Map(ids.map((id) => [machineKey(id), id]));
const print = (draining: Map<string, MachineID>, down: Map<string, MachineID>): string =>
  `draining [${[...draining.keys()].sort().join(', ')}] down [${[...down.keys()].sort().join(', ')}]`;

const stop = (machines: MachineID[]): MasterCall => ({ type: 'STOP_MAINTENANCE', stopMaintenance: { machines } });

const scheduleOf = (machineIds: MachineID[], startNs: number): MasterCall => ({
  type: 'UPDATE_MAINTENANCE_SCHEDULE',
  updateMaintenanceSchedule: {
    schedule:
      machineIds.length > 0 ? { windows: [{ machineIds, unavailability: { start: { nanoseconds: startNs } } }] } : {},
  },
});
