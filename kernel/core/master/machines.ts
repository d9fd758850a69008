import type { MachineID } from '@mezzo/sdk/api';
import { quietTimer, withdrawInverseOffers } from './inverse-offers.js';
import { ipOf, rescindOffersOf } from './offers.js';
import { noteUse, type Agent, type Machine, type MasterState } from './state.js';
import { cancelTimer, type Turn } from './turn.js';

/** Which agents are on which machines of the schedule. */

/** Host names are the same in capitals and in small letters. */
export const machineKey = ({ hostname = '', ip = '' }: MachineID): string => `${hostname.toLowerCase()} ${ip}`;

export const keyOfAgent = ({ info: { hostname }, address }: Agent): string =>
  machineKey({ hostname, ip: ipOf(address) });

export const printMachine = ({ hostname, ip }: MachineID): string =>
  hostname !== undefined && ip !== undefined ? `${hostname} (${ip})` : (hostname ?? ip ?? '');

/** Why no agent may come in from there. */
export function downReason({ machines }: MasterState, hostname: string, address: string): string | undefined {
  const machine = machines.get(machineKey({ hostname, ip: ipOf(address) }));
  return machine?.isDown ? `Machine ${printMachine(machine.id)} is DOWN for maintenance` : undefined;
}

/** For an agent that is new, or comes back, perhaps under another name. */
export function joinMachine(turn: Turn, agent: Agent): void {
  const machine = turn.state.machines.get(keyOfAgent(agent));
  if (agent.maintenance?.machine === machine) noteUse(turn.state, agent);
  else placeAgent(turn, agent, machine);
}

export function leaveMachine(turn: Turn, agent: Agent): void {
  if (agent.maintenance !== undefined) placeAgent(turn, agent, undefined);
}

/** On `machine`, or on none that is scheduled: what was offered and asked before is taken back. */
export function placeAgent(turn: Turn, agent: Agent, machine: Machine | undefined): void {
  const { state } = turn;
  rescindOffersOf(turn, agent);
  withdrawInverseOffers(turn, agent);
  for (const frameworkId of agent.maintenance?.quiet ?? []) {
    cancelTimer(turn, quietTimer(agent.id, frameworkId));
    state.frameworks.get(frameworkId)?.quietAbout.delete(agent);
  }
  agent.maintenance?.machine.agents.delete(agent);
  agent.maintenance = machine && { machine, asked: new Map(), quiet: new Set(), answers: new Map() };
  machine?.agents.add(agent);
  state.toAskAbout.delete(agent);
  noteUse(state, agent);
}
