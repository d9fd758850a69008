import type { MachineID, MaintenanceClusterStatus, MaintenanceSchedule, Unavailability } from '@mezzo/sdk/api';
import type { MaintenanceRecord } from './effects.js';
import type { RequestId } from './events.js';
import { removeAgent } from './liveness.js';
import { downReason, joinMachine, machineKey, placeAgent } from './machines.js';
import { machinesError, quoted, scheduleError } from './maintenance-validation.js';
import type { Machine, MasterState } from './state.js';
import { log, persist, reply, sendAgent, type Turn } from './turn.js';

/**
 * What operators plan for machines. Those of the schedule drain: offers say when they will be away, and users are asked to
 * leave. An operator takes them down, which ends their agents, and up again, which ends their part in the schedule.
 */

/** What an earlier master was told. No agent is there yet. */
export function recoverMaintenance({ state }: Turn, { schedule, down }: MaintenanceRecord): void {
  state.schedule = schedule;
  for (const [id, unavailability] of timesOf(schedule)) addMachine(state, id, unavailability);
  for (const id of down) state.machines.get(machineKey(id))!.isDown = true;
}

/** All or nothing. Machines whose time is the same as before are left alone. */
export function updateSchedule(turn: Turn, request: RequestId, schedule: MaintenanceSchedule): void {
  const { state } = turn;
  const error = scheduleError(schedule) ?? missingDown(state, schedule);
  if (error !== undefined) return reply(turn, request, 400, error);
  state.schedule = schedule;
  persistMaintenance(turn);
  const times = timesOf(schedule);
  const kept = new Set(times.map(([id]) => machineKey(id)));
  for (const [key, machine] of state.machines) if (!kept.has(key)) removeMachine(turn, key, machine);
  let isNew = false;
  for (const [id, unavailability] of times) {
    const known = state.machines.get(machineKey(id));
    if (known !== undefined) moveMachine(turn, known, unavailability);
    else {
      addMachine(state, id, unavailability);
      isNew = true;
    }
  }
  if (isNew) for (const agent of state.agents.values()) joinMachine(turn, agent);
  log(turn, 'info', 'maintenance schedule updated', { machines: times.length });
  reply(turn, request, 200);
}

const timesOf = ({ windows = [] }: MaintenanceSchedule): (readonly [MachineID, Unavailability])[] =>
  windows.flatMap(({ machineIds = [], unavailability }) => machineIds.map((id) => [id, unavailability] as const));

function missingDown({ machines }: MasterState, schedule: MaintenanceSchedule): string | undefined {
  const kept = new Set(timesOf(schedule).map(([id]) => machineKey(id)));
  for (const [key, { id, isDown }] of machines) {
    if (isDown && !kept.has(key))
      return `Machine ${quoted(id)} is deactivated and cannot be removed from the schedule: bring it up first`;
  }
  return undefined;
}

const addMachine = ({ machines }: MasterState, id: MachineID, unavailability: Unavailability): void =>
  void machines.set(machineKey(id), { id, unavailability, isDown: false, agents: new Set() });

function removeMachine(turn: Turn, key: string, { agents }: Machine): void {
  turn.state.machines.delete(key);
  for (const agent of agents) placeAgent(turn, agent, undefined);
}

function moveMachine(turn: Turn, machine: Machine, unavailability: Unavailability): void {
  if (sameTime(machine.unavailability, unavailability)) return;
  machine.unavailability = unavailability;
  for (const agent of [...machine.agents]) placeAgent(turn, agent, machine);
}

const sameTime = (a: Unavailability, b: Unavailability): boolean =>
  nanosecondsOf(a.start) === nanosecondsOf(b.start) && nanosecondsOf(a.duration) === nanosecondsOf(b.duration);
const nanosecondsOf = (time: Unavailability['duration']): bigint | undefined => time && BigInt(time.nanoseconds);

/** All or none. */
export function startMaintenance(turn: Turn, request: RequestId, ids: readonly MachineID[]): void {
  const machines = machinesOf(turn, request, ids, ({ isDown }) => !isDown, 'DRAINING mode and cannot be brought down');
  if (machines === undefined) return;
  for (const machine of machines.values()) machine.isDown = true;
  persistMaintenance(turn);
  log(turn, 'info', 'machines brought down', { machines: [...machines.keys()] });
  for (const { agents } of machines.values()) {
    for (const agent of agents) {
      const reason = downReason(turn.state, agent.info.hostname, agent.address)!;
      sendAgent(turn, agent, { type: 'refused', reason });
      removeAgent(turn, agent, { state: 'TASK_GONE', message: reason, fate: undefined });
    }
  }
  reply(turn, request, 200);
}

/** All or none. They leave the schedule. */
export function stopMaintenance(turn: Turn, request: RequestId, ids: readonly MachineID[]): void {
  const { state } = turn;
  const machines = machinesOf(turn, request, ids, ({ isDown }) => isDown, 'DOWN mode and cannot be brought up');
  if (machines === undefined) return;
  for (const key of machines.keys()) state.machines.delete(key);
  const windows = (state.schedule.windows ?? []).map(({ machineIds = [], unavailability }) => ({
    machineIds: machineIds.filter((id) => !machines.has(machineKey(id))),
    unavailability,
  }));
  state.schedule = { windows: windows.filter(({ machineIds }) => machineIds.length > 0) };
  persistMaintenance(turn);
  log(turn, 'info', 'machines brought up', { machines: [...machines.keys()] });
  reply(turn, request, 200);
}

/** By key. Undefined = refused, and answered so. */
function machinesOf(
  turn: Turn,
  request: RequestId,
  ids: readonly MachineID[],
  isRight: (machine: Machine) => boolean,
  mode: string,
): Map<string, Machine> | undefined {
  const found = new Map<string, Machine>();
  const refuse = (text: string): undefined => void reply(turn, request, 400, text);
  const error = machinesError(ids);
  if (error !== undefined) return refuse(error);
  for (const id of ids) {
    const machine = turn.state.machines.get(machineKey(id));
    if (machine === undefined) return refuse(`Machine ${quoted(id)} is not part of a maintenance schedule`);
    if (!isRight(machine)) return refuse(`Machine ${quoted(id)} is not in ${mode}`);
    found.set(machineKey(id), machine);
  }
  return found;
}

function persistMaintenance(turn: Turn): void {
  const { schedule, machines } = turn.state;
  const down = [...machines.values()].filter(({ isDown }) => isDown).map(({ id }) => id);
  persist(turn, { op: 'putMaintenance', id: 'maintenance', record: { schedule, down } });
}

/** With what frameworks answered to inverse offers, which is forgotten when masters change. */
export function maintenanceStatus({ machines }: MasterState): MaintenanceClusterStatus {
  const all = [...machines.values()];
  const draining = all.filter(({ isDown }) => !isDown);
  return {
    drainingMachines: draining.map(({ id, agents }) => ({
      id,
      statuses: [...agents].flatMap(({ maintenance }) => [...(maintenance?.answers.values() ?? [])]),
    })),
    downMachines: all.filter(({ isDown }) => isDown).map(({ id }) => id),
  };
}
