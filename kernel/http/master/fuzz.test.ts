import fc, { type Arbitrary } from 'fast-check';
import { expect, test } from 'vitest';
import type {
  MasterCall,
  MasterCallType,
  SchedulerCall,
  SchedulerCallSubscribe,
  SchedulerCallType,
} from '@mezzo/sdk/api';
import { anyMessage, type Instead } from '../../../tests/support/any-message.js';
import { MasterHarness } from '../../../tests/support/master-harness.js';
import { masterCallError, schedulerCallError } from './call-validation.js';

/**
 * Calls that parse but make no sense, to a master with an agent, offers and tasks. After each step the harness audits the
 * books; whatever a framework or an operator sends, the master answers, keeps its books, and still serves the others.
 */

const id = (...known: string[]) => fc.constantFrom(...known, 'x', '', '..', 'a/b').map((value) => ({ value }));
const number = fc.oneof(
  fc.constantFrom(0, 1, 0.1, 0.0004, 100, -1, 1e12, 1e300, NaN, Infinity, -Infinity),
  fc.double(),
);
const role = fc.constantFrom('web', 'web/a', 'ops', '*', '', '/', 'a b', '.', '-x', '__proto__');

/** What makes sense, one after the other: set aside, made a volume, used. */
const WEB = { type: 'DYNAMIC', role: 'web' };
const allocated = { allocationInfo: { role: 'web' } };
const sensible = fc
  .constantFrom(
    { name: 'cpus', type: 'SCALAR', scalar: { value: 1 } },
    { name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, reservations: [WEB] },
    { name: 'mem', type: 'SCALAR', scalar: { value: 64 } },
    { name: 'disk', type: 'SCALAR', scalar: { value: 100 } },
    { name: 'disk', type: 'SCALAR', scalar: { value: 100 }, reservations: [WEB] },
    {
      ...{ name: 'disk', type: 'SCALAR', scalar: { value: 100 }, reservations: [WEB] },
      disk: { persistence: { id: 'v1' }, volume: { mode: 'RW', containerPath: 'v' } },
    },
  )
  .chain((one) => fc.constantFrom(one, { ...one, ...allocated }));

const strange = fc.record(
  {
    name: fc.constantFrom('cpus', 'mem', 'disk', 'gpus', 'ports', 'odd', '', '__proto__'),
    type: fc.constantFrom('SCALAR', 'RANGES', 'SET'),
    scalar: fc.record({ value: number }),
    ranges: fc.record({ range: fc.array(fc.record({ begin: port(), end: port() }), { maxLength: 3 }) }),
    set: fc.record({ item: fc.array(fc.constantFrom('a', 'b'), { maxLength: 3 }) }),
    role,
    allocationInfo: fc.record({ role }),
    reservations: fc.array(fc.record({ type: fc.constantFrom('STATIC', 'DYNAMIC'), role }), { maxLength: 2 }),
    revocable: fc.constant({}),
    shared: fc.constant({}),
    disk: anyMessage('mesos.v1.Resource.DiskInfo'),
  },
  { requiredKeys: ['name', 'type'] },
);

const resource = fc.oneof(sensible, sensible, strange);

function port(): Arbitrary<number | bigint> {
  return fc.constantFrom<number | bigint>(0, 31000, 31001, 31999, 32000, 65536, 2n ** 64n - 1n);
}

const instead: Instead = {
  'mesos.v1.AgentID': id('m-S0', 'm-S1'),
  'mesos.v1.OfferID': id('m-O0', 'm-O1', 'm-O2', 'm-O3'),
  'mesos.v1.FrameworkID': id('m-0000', 'm-0001'),
  'mesos.v1.TaskID': id('t1', 't2'),
  'mesos.v1.ExecutorID': id('e1'),
  'mesos.v1.Resource': resource,
  'mesos.v1.Value.Scalar': fc.record({ value: number }),
  double: number,
};

/** Calls that have the payload of their type. */
function calls<T extends string, C extends { type?: T }>(
  any: Arbitrary<C>,
  types: readonly T[],
  error: (call: C) => unknown,
) {
  return fc
    .tuple(any, fc.constantFrom(...types))
    .map(([call, type]) => ({ ...call, type }))
    .filter((call) => error(call) === undefined);
}

const SCHEDULER: readonly SchedulerCallType[] = [
  ...([
    'TEARDOWN',
    'ACCEPT',
    'ACCEPT',
    'ACCEPT',
    'DECLINE',
    'REVIVE',
    'KILL',
    'SHUTDOWN',
    'ACKNOWLEDGE',
    'RECONCILE',
  ] as const),
  ...([
    'MESSAGE',
    'REQUEST',
    'SUPPRESS',
    'ACCEPT_INVERSE_OFFERS',
    'DECLINE_INVERSE_OFFERS',
    'UPDATE_FRAMEWORK',
  ] as const),
  ...(['ACKNOWLEDGE_OPERATION_STATUS', 'RECONCILE_OPERATIONS'] as const),
];
const OPERATOR: readonly MasterCallType[] = [
  ...(['UPDATE_WEIGHTS', 'RESERVE_RESOURCES', 'UNRESERVE_RESOURCES', 'CREATE_VOLUMES', 'DESTROY_VOLUMES'] as const),
  ...([
    'GROW_VOLUME',
    'SHRINK_VOLUME',
    'UPDATE_MAINTENANCE_SCHEDULE',
    'START_MAINTENANCE',
    'STOP_MAINTENANCE',
  ] as const),
  ...(['DRAIN_AGENT', 'DEACTIVATE_AGENT', 'REACTIVATE_AGENT', 'UPDATE_QUOTA', 'SET_QUOTA', 'REMOVE_QUOTA'] as const),
  ...(['TEARDOWN', 'MARK_AGENT_GONE'] as const),
];

type Step =
  | { readonly scheduler: SchedulerCall }
  | { readonly operator: MasterCall }
  | { readonly subscribe: SchedulerCallSubscribe }
  | { readonly passMs: number };

const step: Arbitrary<Step> = fc.oneof(
  {
    arbitrary: calls(anyMessage('mesos.v1.scheduler.Call', instead), SCHEDULER, (call) =>
      schedulerCallError({ ...call, frameworkId: { value: 'x' } as never }),
    ).map((scheduler) => ({ scheduler })),
    weight: 6,
  },
  {
    arbitrary: calls(anyMessage('mesos.v1.master.Call', instead), OPERATOR, masterCallError).map((operator) => ({
      operator,
    })),
    weight: 2,
  },
  {
    arbitrary: anyMessage('mesos.v1.scheduler.Call.Subscribe', instead).map((subscribe) => ({ subscribe })),
    weight: 1,
  },
  { arbitrary: fc.constantFrom(100, 6_000, 90_000).map((passMs) => ({ passMs })), weight: 1 },
);

test('whatever is called, the master answers it, keeps its books and serves the others', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const master = new MasterHarness();
      const agents = [master.agent(), master.agent()];
      const bad = master.scheduler({ name: 'bad' });
      for (const one of steps) {
        if ('passMs' in one) master.pass(one.passMs, agents);
        else if ('subscribe' in one) {
          const connection = master.connection();
          master.dispatch({ type: 'schedulerSubscribed', connection, call: one.subscribe, principal: undefined });
          expect(master.sentTo(connection).length).toBeGreaterThan(0);
        } else {
          const answer = 'operator' in one ? master.operator(one.operator) : bad.call(withId(one.scheduler, bad.id));
          expect(answer?.status).toBeGreaterThanOrEqual(200);
          expect(answer.status).toBeLessThan(502);
          expect(answer.status).not.toBe(500);
        }
      }
      const good = master.scheduler({ name: 'good', roles: ['other'] });
      expect(good.types).toContain('SUBSCRIBED');
    }),
    { numRuns: 400 },
  );
});

const withId = (call: SchedulerCall, value: string): SchedulerCall => ({
  ...call,
  frameworkId: { value: value as never },
  ...(call.updateFramework && {
    updateFramework: {
      ...call.updateFramework,
      frameworkInfo: { ...call.updateFramework.frameworkInfo, id: { value: value as never } },
    },
  }),
});
