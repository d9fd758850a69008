import type { MaintenanceSchedule, OfferID, SchedulerCallAcceptInverseOffers } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { MasterHarness, task, TestAgent, type TestScheduler } from '../../../tests/support/master-harness.js';
import { maintenanceStatus } from './maintenance.js';

const HOST = { hostname: 'host', ip: '10.0.0.1' };
const unavailability = (startNs: bigint) => ({ start: { nanoseconds: startNs } });
const windows = (startNs = 1_800_000_000_000_000_001n): MaintenanceSchedule => ({
  windows: [{ machineIds: [HOST], unavailability: unavailability(startNs) }],
});
const schedule = (master: MasterHarness, wanted: MaintenanceSchedule = windows()) =>
  master.operator({ type: 'UPDATE_MAINTENANCE_SCHEDULE', updateMaintenanceSchedule: { schedule: wanted } });

const inverseOffers = (scheduler: TestScheduler) =>
  scheduler.events.flatMap((event) => event.inverseOffers?.inverseOffers ?? []);
const rescinded = (scheduler: TestScheduler) =>
  scheduler.events.flatMap(({ rescindInverseOffer }) => rescindInverseOffer?.inverseOfferId.value ?? []);
const answer = (
  scheduler: TestScheduler,
  how: 'accept' | 'decline',
  inverseOfferIds: OfferID[],
  filters?: SchedulerCallAcceptInverseOffers['filters'],
) =>
  how === 'accept'
    ? scheduler.call({ type: 'ACCEPT_INVERSE_OFFERS', acceptInverseOffers: { inverseOfferIds, filters } })
    : scheduler.call({ type: 'DECLINE_INVERSE_OFFERS', declineInverseOffers: { inverseOfferIds, filters } });
const answers = (master: MasterHarness) => maintenanceStatus(master.state).drainingMachines?.[0]?.statuses;

function onHost(master: MasterHarness, more: { id?: string } = {}) {
  const agentInfo = { hostname: 'host', port: 5051, ...(more.id && { id: { value: more.id } }) };
  return new TestAgent(master, 'cpus:4;mem:4096', { address: '10.0.0.1:5051', agentInfo });
}

/** A framework with a task on HOST, of which it refuses the rest for an hour, and one that has nothing there. */
function running(more: ConstructorParameters<typeof MasterHarness>[0] = {}) {
  const master = new MasterHarness(more);
  const agent = onHost(master);
  const scheduler = master.scheduler();
  const [offer] = scheduler.offers;
  const launch = { type: 'LAUNCH' as const, launch: { taskInfos: [task('t', offer!)] } };
  const filters = { refuseSeconds: 3600 };
  scheduler.call({ type: 'ACCEPT', accept: { offerIds: [offer!.id], operations: [launch], filters } });
  agent.update(scheduler.id, 't', 'TASK_RUNNING');
  scheduler.acknowledge();
  return { master, scheduler, agent };
}

test('who uses a machine is asked once to leave it; who does not is not', () => {
  const { master, scheduler, agent } = running();
  const idle = master.scheduler();
  idle.call({ type: 'SUPPRESS' });
  idle.call({ type: 'DECLINE', decline: { offerIds: idle.offers.map(({ id }) => id), filters: { refuseSeconds: 9 } } });
  schedule(master);
  expect(inverseOffers(scheduler)).toEqual([
    {
      id: { value: expect.stringMatching(/^m-O\d+$/) },
      url: { scheme: 'http', address: { hostname: 'host', ip: '10.0.0.1', port: 5051 }, path: '/slave(1)' },
      frameworkId: { value: scheduler.id },
      agentId: { value: agent.id },
      unavailability: windows().windows![0]!.unavailability,
    },
  ]);
  expect(inverseOffers(idle)).toEqual([]);
  master.pass(3_600_000, [agent]);
  expect(inverseOffers(scheduler)).toHaveLength(1);
});

test('who is offered something of the machine is asked too, with the offer', () => {
  const master = new MasterHarness();
  onHost(master);
  schedule(master);
  const scheduler = master.scheduler();
  expect(scheduler.types).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'OFFERS', 'INVERSE_OFFERS']);
});

test.each(['accept', 'decline'] as const)(
  '%s is seen by operators; the question comes again after the filter',
  (how) => {
    const { master, scheduler, agent } = running();
    schedule(master);
    expect(answer(scheduler, how, [inverseOffers(scheduler)[0]!.id], { refuseSeconds: 100 }).status).toBe(202);
    const seen = { status: how.toUpperCase(), frameworkId: { value: scheduler.id } };
    expect(answers(master)).toMatchObject([{ ...seen, timestamp: { nanoseconds: BigInt(master.nowMs) * 1_000_000n } }]);
    master.pass(99_000, [agent]);
    expect(inverseOffers(scheduler)).toHaveLength(1);
    master.pass(2000, [agent]);
    expect(inverseOffers(scheduler)).toHaveLength(2);
    expect(answers(master)).toHaveLength(1);
  },
);

test('without a filter it comes again after 5 s, and at the soonest after the allocation interval', () => {
  const { master, scheduler } = running();
  schedule(master);
  answer(scheduler, 'accept', [inverseOffers(scheduler)[0]!.id]);
  master.pass(4999);
  expect(inverseOffers(scheduler)).toHaveLength(1);
  master.pass(1);
  expect(inverseOffers(scheduler)).toHaveLength(2);
  answer(scheduler, 'accept', [inverseOffers(scheduler)[1]!.id], { refuseSeconds: 0 });
  expect(inverseOffers(scheduler)).toHaveLength(2);
  master.pass(100);
  expect(inverseOffers(scheduler)).toHaveLength(3);
});

test('REVIVE ends all filters of inverse offers', () => {
  const { master, scheduler } = running();
  schedule(master);
  answer(scheduler, 'decline', [inverseOffers(scheduler)[0]!.id], { refuseSeconds: 1e9 });
  scheduler.call({ type: 'REVIVE', revive: { roles: ['stray'] } });
  expect(inverseOffers(scheduler)).toHaveLength(1);
  scheduler.call({ type: 'REVIVE' });
  expect(inverseOffers(scheduler)).toHaveLength(2);
  expect([...master.timers.keys()].filter((id) => id.startsWith('quiet/'))).toEqual([]);
});

test('a new time takes the question back, asks anew, and forgets answers and filters', () => {
  const { master, scheduler } = running();
  schedule(master);
  const [first] = inverseOffers(scheduler);
  schedule(master, windows(5n));
  expect(rescinded(scheduler)).toEqual([first!.id.value]);
  const second = inverseOffers(scheduler)[1]!;
  expect(second.unavailability).toEqual(unavailability(5n));
  answer(scheduler, 'accept', [second.id], { refuseSeconds: 1000 });
  schedule(master, windows(6n));
  expect(inverseOffers(scheduler)).toHaveLength(3);
  expect(answers(master)).toEqual([]);
  schedule(master, {});
  expect(rescinded(scheduler)).toHaveLength(2);
  expect(inverseOffers(scheduler)).toHaveLength(3);
});

test('an agent that goes, or is out of use, takes its questions with it', () => {
  const { master, scheduler, agent } = running();
  schedule(master);
  agent.disconnect();
  expect(rescinded(scheduler)).toHaveLength(1);
  agent.subscribe({
    address: '10.0.0.1:5051',
    tasks: [
      {
        frameworkId: scheduler.id,
        info: task('t', { agentId: { value: 'm-S0' } }),
        state: 'TASK_RUNNING',
        statuses: [],
      },
    ],
  });
  expect(inverseOffers(scheduler)).toHaveLength(2);
  master.operator({ type: 'DEACTIVATE_AGENT', deactivateAgent: { agentId: { value: 'm-S0' } } });
  expect(rescinded(scheduler)).toHaveLength(2);
  master.operator({ type: 'REACTIVATE_AGENT', reactivateAgent: { agentId: { value: 'm-S0' } } });
  expect(inverseOffers(scheduler)).toHaveLength(3);
  master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'm-S0' } } });
  expect(rescinded(scheduler)).toHaveLength(3);
  expect(master.state.inverseOffers.size).toBe(0);
});

test('a scheduler that comes back is asked anew, and its filter is over', () => {
  const { master, scheduler } = running();
  schedule(master);
  answer(scheduler, 'accept', [inverseOffers(scheduler)[0]!.id], { refuseSeconds: 1e9 });
  scheduler.disconnect();
  const back = master.scheduler({ id: { value: scheduler.id } });
  expect(inverseOffers(back)).toHaveLength(1);
  expect(answers(master)).toHaveLength(1);
});

test('an offer that nobody answers in time is asked again when offers have a time-out', () => {
  const { master, scheduler, agent } = running({ offerTimeoutMs: 60_000 });
  schedule(master);
  master.pass(60_000, [agent]);
  expect(rescinded(scheduler)).toHaveLength(1);
  expect(inverseOffers(scheduler)).toHaveLength(2);
});

test('an answer to the question of another, or to none, does nothing', () => {
  const { master, scheduler } = running();
  schedule(master);
  const other = master.scheduler();
  const { id } = inverseOffers(scheduler)[0]!;
  expect(answer(other, 'accept', [id]).status).toBe(202);
  expect(answer(scheduler, 'accept', [{ value: 'nonsense' }]).status).toBe(202);
  expect(answers(master)).toEqual([]);
  expect(inverseOffers(scheduler)).toHaveLength(1);
  expect(master.state.counts.get('inverse_offers_answered_in_vain')).toBe(2);
});

test('a framework that is torn down leaves no question and no timer behind', () => {
  const { master, scheduler } = running();
  schedule(master);
  answer(scheduler, 'accept', [inverseOffers(scheduler)[0]!.id], { refuseSeconds: 1e9 });
  scheduler.call({ type: 'TEARDOWN' });
  expect([...master.timers.keys()].filter((id) => id.startsWith('quiet/'))).toEqual([]);
});
