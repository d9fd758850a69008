import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import { asId } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import { frameworkInfo, MasterHarness, type TestScheduler } from '../../../tests/support/master-harness.js';
import { explainFramework } from './explain.js';

const waiting = { allocatorPolicy: 'tested' };
const choose = (master: MasterHarness, policy: Omit<AllocatorPolicy, 'name'>) =>
  master.dispatch({ type: 'policyChosen', policy: { name: 'tested', ...policy } });
const offered = ({ state }: MasterHarness) =>
  [...state.offers.values()].map(({ frameworkId, agentId }) => `${agentId} to ${frameworkId}`);
const reasons = ({ state }: MasterHarness, { id }: TestScheduler) =>
  explainFramework(state, state.frameworks.get(asId(id))!, {
    role: undefined,
    agentId: undefined,
    examples: 1,
  })[0]!.findings.map(({ reason, agents }) => `${reason} ${agents}`);

test('nobody is offered anything until the policy is there, and it is said why; then all is offered at once', () => {
  const master = new MasterHarness({ ...waiting, placeRequests: true });
  const scheduler = master.scheduler();
  const agents = [master.agent(), master.agent()];
  const resources = [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: 1 } }];
  scheduler.call({ type: 'REQUEST', request: { requests: [{ resources }] } });
  expect(offered(master)).toEqual([]);
  expect(reasons(master, scheduler)).toEqual(['POLICY_HOLD 2']);
  choose(master, {});
  expect(offered(master).sort()).toEqual(agents.map(({ id }) => `${id} to ${scheduler.id}`).sort());
});

test('who comes first is who the policy ranks lowest, also when a framework is updated', () => {
  const master = new MasterHarness(waiting);
  const [first, second] = ['z', 'a'].map((name) => master.scheduler({ name }));
  choose(master, { rank: ({ framework }) => -(framework?.name.charCodeAt(0) ?? 0) });
  const agent = master.agent();
  expect(offered(master)).toEqual([`${agent.id} to ${first!.id}`]);
  const info = frameworkInfo({ id: { value: second!.id }, name: '~' });
  second!.call({ type: 'UPDATE_FRAMEWORK', updateFramework: { frameworkInfo: info } });
  const next = master.agent();
  expect(offered(master)).toContain(`${next.id} to ${second!.id}`);
});

test('nobody is offered what the policy does not admit them to, by request neither, and it is said why', () => {
  const master = new MasterHarness({ ...waiting, placeRequests: true });
  const scheduler = master.scheduler({ name: 'web' });
  choose(master, { admits: ({ name }, role, { hostname }) => name === 'web' && role === 'web' && hostname === 'a' });
  const [a] = ['a', 'b'].map((hostname) => master.agent(undefined, { agentInfo: { hostname } }));
  expect(offered(master)).toEqual([`${a!.id} to ${scheduler.id}`]);
  const resources = [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: 1 } }];
  scheduler.call({ type: 'REQUEST', request: { requests: [{ resources }] } });
  expect(offered(master)).toHaveLength(1);
  expect(reasons(master, scheduler)).toEqual(['OFFERED 1', 'POLICY 1']);
});
