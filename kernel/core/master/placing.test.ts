import type { Request } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { MasterHarness, resources, task, type TestScheduler } from '../../../tests/support/master-harness.js';

/** A master that heeds REQUEST, two agents of 4 cpus, and a framework that wants no offers but those it asks for. */
function cluster(more: ConstructorParameters<typeof MasterHarness>[0] = {}) {
  const master = new MasterHarness({ placeRequests: true, ...more });
  const agents = [master.agent('cpus:4;mem:4096;ports:[31000-31009]'), master.agent('cpus:4;mem:4096')];
  const scheduler = master.scheduler();
  scheduler.call({ type: 'DECLINE', decline: { offerIds: scheduler.offers.map(({ id }) => id) } });
  scheduler.call({ type: 'SUPPRESS' });
  const before = scheduler.offers.length;
  return { master, agents, scheduler, placed: () => scheduler.offers.slice(before) };
}

const ask = (scheduler: TestScheduler, ...texts: (string | Request)[]) =>
  scheduler.call({
    type: 'REQUEST',
    request: { requests: texts.map((text) => (typeof text === 'string' ? { resources: resources(text) } : text)) },
  });
const cpus = (offers: TestScheduler['offers']) =>
  offers.map((one) => one.resources?.find(({ name }) => name === 'cpus')?.scalar?.value);

test('each request is an offer of just that, at once, though the framework refused all and is suppressed', () => {
  const { scheduler, placed } = cluster();
  expect(ask(scheduler, 'cpus:1;mem:64', 'cpus:3;mem:64', 'cpus:2', 'cpus:3')).toMatchObject({ status: 202 });
  expect(cpus(placed())).toEqual([1, 3, 2]);
  const [first] = placed();
  scheduler.launch([first!], task('t', first!, 'cpus:1;mem:64'));
  expect(scheduler.types).not.toContain('ERROR');
});

test('an agent can be named, and ranges are given as they are asked for', () => {
  const { scheduler, agents, placed } = cluster();
  ask(scheduler, { agentId: { value: agents[1]!.id! }, resources: resources('cpus:1') }, 'cpus:1;ports:[31000-31001]');
  expect(placed().map(({ agentId }) => agentId.value)).toEqual([agents[1]!.id, agents[0]!.id]);
  ask(scheduler, 'cpus:1;ports:[31001-31002]', { agentId: { value: 'nobody' }, resources: resources('cpus:1') });
  expect(placed()).toHaveLength(2);
});

test('others come first: what they want is not there to be placed', () => {
  const { master, scheduler, placed } = cluster();
  const greedy = master.scheduler();
  expect(greedy.offers).toHaveLength(2);
  ask(scheduler, 'cpus:1');
  expect(placed()).toEqual([]);
});

test('quota and offer constraints hold', () => {
  const { master, scheduler, placed } = cluster();
  const quotaConfigs = [{ role: 'web', limits: { cpus: { value: 1.5 } } }];
  master.operator({ type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs } });
  ask(scheduler, 'cpus:1', 'cpus:1', 'cpus:0.5');
  expect(cpus(placed())).toEqual([1, 0.5]);
});

test('what is no request is left alone, and without the setting REQUEST has no effect', () => {
  const { scheduler, placed } = cluster();
  ask(scheduler, {}, { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: -1 } }] }, 'cpus:1');
  expect(placed()).toHaveLength(1);
  const plain = cluster({ placeRequests: false });
  ask(plain.scheduler, 'cpus:1');
  expect(plain.placed()).toEqual([]);
});
