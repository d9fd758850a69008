import type { MachineID, MaintenanceSchedule, MasterCall } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { agentTask, MasterHarness, task, TestAgent } from '../../../tests/support/master-harness.js';
import { maintenanceStatus } from './maintenance.js';

const HOST: MachineID = { hostname: 'host', ip: '10.0.0.1' };
const START = 1_800_000_000_000_000_001n;
const unavailability = { start: { nanoseconds: START }, duration: { nanoseconds: 3_600_000_000_000n } };

const windows = (...machineIds: MachineID[]): MaintenanceSchedule => ({ windows: [{ machineIds, unavailability }] });
const schedule = (master: MasterHarness, wanted: MaintenanceSchedule = windows(HOST)) =>
  master.operator({ type: 'UPDATE_MAINTENANCE_SCHEDULE', updateMaintenanceSchedule: { schedule: wanted } });
const start = (master: MasterHarness, ...machines: MachineID[]) =>
  master.operator({ type: 'START_MAINTENANCE', startMaintenance: { machines } });
const stop = (master: MasterHarness, ...machines: MachineID[]) =>
  master.operator({ type: 'STOP_MAINTENANCE', stopMaintenance: { machines } });
const statusOf = ({ state }: MasterHarness) => maintenanceStatus(state);
const writesOf = (master: MasterHarness) =>
  master.effects.flatMap((effect) => (effect.type === 'persist' ? effect.writes : []));

/** An agent on the machine HOST, and a framework with a task there. */
function running() {
  const master = new MasterHarness();
  const agent = new TestAgent(master, 'cpus:4;mem:4096', { address: '10.0.0.1:5051' });
  const scheduler = master.scheduler();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  agent.update(scheduler.id, 't', 'TASK_RUNNING');
  scheduler.acknowledge();
  return { master, scheduler, agent };
}

test('offers of a machine of the schedule are taken back and say when it will be away', () => {
  const { master, scheduler } = running();
  scheduler.call({ type: 'REVIVE' });
  const before = scheduler.offers.at(-1)!;
  expect(before).not.toHaveProperty('unavailability');
  expect(schedule(master).status).toBe(200);
  expect(scheduler.types).toContain('RESCIND');
  expect(scheduler.offers.at(-1)).toMatchObject({ unavailability, agentId: before.agentId });
  expect(statusOf(master)).toEqual({ drainingMachines: [{ id: HOST, statuses: [] }], downMachines: [] });
  expect(schedule(master, {}).status).toBe(200);
  expect(scheduler.offers.at(-1)).not.toHaveProperty('unavailability');
  expect(statusOf(master)).toEqual({ drainingMachines: [], downMachines: [] });
});

test('host names are the same in capitals; the address must match too', () => {
  const { master, scheduler } = running();
  schedule(master, windows({ hostname: 'HOST', ip: '10.0.0.2' }));
  expect(scheduler.types).not.toContain('INVERSE_OFFERS');
  schedule(master, windows({ hostname: 'HOST', ip: '10.0.0.1' }));
  expect(scheduler.types).toContain('INVERSE_OFFERS');
});

test('an agent that comes to a machine of the schedule is offered as one that will be away', () => {
  const master = new MasterHarness();
  schedule(master);
  const scheduler = master.scheduler();
  new TestAgent(master, 'cpus:4;mem:4096', { address: '10.0.0.1:5051' });
  master.agent();
  expect(scheduler.offers.map((offer) => offer.unavailability)).toEqual([unavailability, undefined]);
});

test('a machine that is brought down loses its agents and tasks, lets none in, and is free of the schedule when it is up again', () => {
  const { master, scheduler, agent } = running();
  schedule(master, windows(HOST, { hostname: 'other' }));
  expect(start(master, HOST).status).toBe(200);
  expect(agent.of('refused')).toHaveLength(1);
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_GONE', reason: 'REASON_AGENT_REMOVED' });
  expect(scheduler.types.at(-1)).toBe('FAILURE');
  expect(master.state.agents.size).toBe(0);
  expect(statusOf(master)).toMatchObject({ downMachines: [HOST] });
  const refused = new TestAgent(master, 'cpus:4;mem:4096', { address: '10.0.0.1:5051' });
  expect(refused.of('refused')).toMatchObject([{ reason: 'Machine host (10.0.0.1) is DOWN for maintenance' }]);
  expect(stop(master, HOST).status).toBe(200);
  expect(master.state.schedule).toEqual(windows({ hostname: 'other' }));
  const back = new TestAgent(master, 'cpus:4;mem:4096', { address: '10.0.0.1:5051' });
  expect(back.of('registered')).toHaveLength(1);
  expect(scheduler.offers.at(-1)).not.toHaveProperty('unavailability');
});

test('the next master knows the schedule and what is down', () => {
  const { master, scheduler } = running();
  schedule(master, windows(HOST, { hostname: 'away', ip: '10.0.0.9' }));
  start(master, { hostname: 'AWAY', ip: '10.0.0.9' });
  const next = new MasterHarness({}, writesOf(master));
  expect(next.state.schedule).toEqual(master.state.schedule);
  expect(statusOf(next)).toMatchObject({ downMachines: [{ hostname: 'away' }], drainingMachines: [{ id: HOST }] });
  const agentInfo = { hostname: 'away', port: 5051, id: { value: 'm-S7' } };
  expect(new TestAgent(next, 'cpus:1', { address: '10.0.0.9:5051', agentInfo }).of('refused')).toHaveLength(1);
  const back = new TestAgent(next, 'cpus:4;mem:4096', {
    address: '10.0.0.1:5051',
    agentInfo: { hostname: 'host', port: 5051, id: { value: 'm-S0' } },
    tasks: [agentTask(scheduler.id, task('t', { agentId: { value: 'm-S0' } }))],
    frameworks: [master.state.frameworks.get(scheduler.id as never)!.info],
  });
  expect(back.of('registered')).toHaveLength(1);
  const again = next.scheduler({ id: { value: scheduler.id } });
  expect(again.types).toContain('INVERSE_OFFERS');
});

test('all is written down before anybody is told', () => {
  const { master, agent } = running();
  schedule(master);
  start(master, HOST);
  const order = master.effects.map((effect) => (effect.type === 'persist' ? effect.writes[0]!.op : effect.type));
  expect(order.lastIndexOf('putMaintenance')).toBeLessThan(order.lastIndexOf('sendAgent'));
  expect(agent.records.at(-1)!.type).toBe('refused');
});

test('an agent of a scheduled machine is not drained the other way too', () => {
  const { master } = running();
  schedule(master);
  const call: MasterCall = { type: 'DRAIN_AGENT', drainAgent: { agentId: { value: 'm-S0' } } };
  const text = 'Agent m-S0 is part of a maintenance schedule under Machine host (10.0.0.1)';
  expect(master.operator(call)).toMatchObject({ status: 400, text });
});

test.each<[string, (master: MasterHarness) => { status: number; text?: string }]>([
  ['List of machines in the maintenance window is empty', (master) => schedule(master, windows())],
  [
    "Unavailability 'duration' is negative",
    (master) =>
      schedule(master, {
        windows: [{ machineIds: [HOST], unavailability: { start: { nanoseconds: 0 }, duration: { nanoseconds: -1 } } }],
      }),
  ],
  ["Both 'hostname' and 'ip' for a machine are empty", (master) => schedule(master, windows({ hostname: '' }))],
  ["Failed to parse the IP '10.0.0.256'", (master) => schedule(master, windows({ ip: '10.0.0.256' }))],
  [
    `Machine '{"hostname":"HOST","ip":"10.0.0.1"}' appears more than once in the schedule`,
    (master) => schedule(master, windows(HOST, { hostname: 'HOST', ip: '10.0.0.1' })),
  ],
  [
    `Machine '{"hostname":"host","ip":"10.0.0.1"}' is deactivated and cannot be removed from the schedule`,
    (master) => (start(master, HOST), schedule(master, {})),
  ],
  ['List of machines is empty', (master) => start(master)],
  [
    `Machine '{"hostname":"nope"}' is not part of a maintenance schedule`,
    (master) => start(master, { hostname: 'nope' }),
  ],
  ['is not in DRAINING mode and cannot be brought down', (master) => (start(master, HOST), start(master, HOST))],
  ['is not in DOWN mode and cannot be brought up', (master) => stop(master, HOST)],
  ['appears more than once', (master) => start(master, HOST, HOST)],
])('refused: %s', (text, act) => {
  const master = new MasterHarness();
  schedule(master);
  const before = JSON.stringify([...master.state.machines.values()].map(({ id }) => id));
  expect(act(master)).toMatchObject({ status: 400, text: expect.stringContaining(text) });
  expect(JSON.stringify([...master.state.machines.values()].map(({ id }) => id))).toBe(before);
});

test('one machine of a list that is refused spoils the list', () => {
  const { master, agent } = running();
  schedule(master);
  expect(start(master, HOST, { hostname: 'nope' }).status).toBe(400);
  expect(agent.of('refused')).toEqual([]);
  expect(statusOf(master).downMachines).toEqual([]);
});

test('machines whose time stays the same are left alone when the schedule grows', () => {
  const { master, scheduler } = running();
  schedule(master);
  scheduler.call({ type: 'REVIVE' });
  const before = scheduler.types.length;
  schedule(
    master,
    structuredClone({ windows: [...windows(HOST).windows!, ...windows({ hostname: 'other' }).windows!] }),
  );
  expect(scheduler.types.slice(before)).toEqual([]);
});

test('an agent that was away when its machine was brought down ends when it comes, and frameworks learn it then', () => {
  const { master, scheduler, agent } = running();
  agent.disconnect();
  master.pass(600_000);
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_UNREACHABLE' });
  schedule(master);
  start(master, HOST);
  const tasks = [agentTask(scheduler.id, task('t', { agentId: { value: agent.id! } }))];
  const agentInfo = { hostname: 'host', port: 5051, id: { value: agent.id! } };
  const back = new TestAgent(master, 'cpus:4;mem:4096', { address: '10.0.0.1:5051', agentInfo, tasks });
  expect(back.of('refused')).toHaveLength(1);
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_GONE', reason: 'REASON_AGENT_REMOVED' });
  expect(master.state.unreachableAgents.size).toBe(0);
  expect(writesOf(master).at(-1)).toEqual({ op: 'deleteAgent', id: agent.id });
  scheduler.call({ type: 'RECONCILE', reconcile: { tasks: [{ taskId: { value: 't' } }] } });
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_UNKNOWN' });
});
