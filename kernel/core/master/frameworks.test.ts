import { asId, type FrameworkId } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import { MasterHarness, frameworkInfo, MULTI_ROLE, task } from '../../../tests/support/master-harness.js';

const idOf = (scheduler: { id: string }) => asId<FrameworkId>(scheduler.id);

test('a new subscription with the id takes the framework over', () => {
  const master = new MasterHarness();
  const first = master.scheduler();
  master.agent();
  expect(first.offers).toHaveLength(1);
  const second = master.scheduler({ id: { value: first.id } });
  expect(first.events.at(-1)).toMatchObject({ type: 'ERROR', error: { message: 'Framework failed over' } });
  expect(master.isClosed(first.connection)).toBe(true);
  expect(second.types.slice(0, 3)).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'OFFERS']);
  expect(second.id).toBe(first.id);
  expect(second.call({ type: 'REVIVE' }, first.connection)).toMatchObject({ status: 400 });
  expect(second.call({ type: 'REVIVE' })).toMatchObject({ status: 202 });
});

test("an id that a framework brought along is nobody else's", () => {
  const master = new MasterHarness();
  const [first, guesser] = [master.scheduler(), master.scheduler({ id: { value: 'm-0001' } })];
  const next = master.scheduler();
  expect([first.id, guesser.id, next.id]).toEqual(['m-0000', 'm-0001', 'm-0002']);
  expect(guesser.call({ type: 'REVIVE' })).toMatchObject({ status: 202 });
});

test('the old stream closing after a takeover changes nothing', () => {
  const master = new MasterHarness();
  const first = master.scheduler();
  const second = master.scheduler({ id: { value: first.id } });
  first.disconnect();
  master.pass(3_600_000);
  expect(second.call({ type: 'REVIVE' })).toMatchObject({ status: 202 });
});

test('calls are refused in the order of the field: unknown, disconnected, without stream id, with a wrong one', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const refused = (call: object, connection?: string) =>
    scheduler.call({ type: 'REVIVE', ...call }, connection as never);
  expect(refused({ frameworkId: { value: 'nope' } })).toMatchObject({ status: 400, text: 'Framework cannot be found' });
  expect(refused({}, 'wrong')).toMatchObject({ status: 400, text: expect.stringContaining("stream ID 'wrong'") });
  const request = master.request();
  const call = { type: 'REVIVE', frameworkId: { value: scheduler.id } } as const;
  master.dispatch({ type: 'schedulerCalled', request, connection: undefined, call });
  expect(master.reply(request)).toMatchObject({ status: 400, text: expect.stringContaining('Mesos-Stream-Id') });
  scheduler.disconnect();
  expect(refused({})).toMatchObject({ status: 403, text: 'Framework is not subscribed' });
});

test('a framework that stays away longer than its failover timeout is removed for good', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  scheduler.disconnect();
  master.pass(59_000, [agent]);
  expect(agent.of('shutdownFramework')).toEqual([]);
  master.pass(2_000, [agent]);
  expect(agent.of('shutdownFramework')[0]).toMatchObject({ frameworkId: scheduler.id });
  expect(master.registry.has(scheduler.id)).toBe(false);
  expect(master.state.completedFrameworks.get(idOf(scheduler))!.completedTasks.get('t')).toMatchObject({
    state: 'TASK_KILLED',
  });
  const again = master.scheduler({ id: { value: scheduler.id } });
  expect(again.events).toEqual([{ type: 'ERROR', error: { message: 'Framework has been removed' } }]);
  expect(master.isClosed(again.connection)).toBe(true);
});

test('a framework that comes back in time keeps its tasks and hears again what it did not acknowledge', () => {
  const master = new MasterHarness();
  const first = master.scheduler();
  const agent = master.agent();
  first.launch(first.offers, task('t', first.offers[0]!));
  first.disconnect();
  const uuid = agent.update(first.id, 't', 'TASK_RUNNING');
  master.pass(30_000, [agent]);
  const second = master.scheduler({ id: { value: first.id } });
  expect(second.lastStatus).toMatchObject({ state: 'TASK_RUNNING', uuid });
  master.pass(120_000, [agent]);
  expect(master.state.frameworks.get(idOf(first))!.tasks.size).toBe(1);
});

test('teardown ends everything and is remembered only so far', () => {
  const master = new MasterHarness();
  const agent = master.agent();
  const ids = [1, 2, 3].map(() => {
    const scheduler = master.scheduler();
    expect(scheduler.call({ type: 'TEARDOWN' })).toMatchObject({ status: 202 });
    expect(master.isClosed(scheduler.connection)).toBe(true);
    return scheduler.id;
  });
  expect([...master.state.completedFrameworks.keys()]).toEqual(ids.slice(1));
  expect(agent.of('shutdownFramework')).toEqual([]);
});

test.each([
  ['roles twice', { roles: ['a', 'a'] }],
  ['a bad role', { roles: ['/a'] }],
  ['roles without MULTI_ROLE', { roles: ['a'], capabilities: [] }],
  ['an endless failover timeout', { failoverTimeout: 1e300 }],
  ['an id that is a path', { id: { value: '../x' } }],
])('a subscription with %s gets an ERROR and the end of its stream', (_, info) => {
  const master = new MasterHarness();
  const scheduler = master.scheduler(info);
  expect(scheduler.types).toEqual(['ERROR']);
  expect(master.isClosed(scheduler.connection)).toBe(true);
  expect(master.state.frameworks.size).toBe(0);
});

test('an update keeps user and checkpoint, and rescinds offers of roles that are gone', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  master.agent();
  const update = (more: object) =>
    scheduler.call({
      type: 'UPDATE_FRAMEWORK',
      updateFramework: { frameworkInfo: frameworkInfo({ id: { value: scheduler.id }, ...more }) },
    });
  expect(update({ checkpoint: true })).toMatchObject({
    status: 400,
    text: expect.stringContaining('FrameworkInfo.checkpoint'),
  });
  expect(update({ principal: 'p' })).toMatchObject({ status: 400, text: expect.stringContaining('principal') });
  expect(update({ roles: ['batch'] })).toMatchObject({ status: 200 });
  expect(scheduler.types).toContain('RESCIND');
  expect(scheduler.offers.at(-1)!.allocationInfo).toEqual({ role: 'batch' });
});

test('a master remembers frameworks of the one before, with time to come back', () => {
  const before = new MasterHarness();
  const { id } = before.scheduler({ failoverTimeout: 0 });
  const record = before.registry.get(id) as never;
  const master = new MasterHarness({}, [{ op: 'putFramework', id: asId<FrameworkId>(id), record }]);
  expect(master.state.frameworks.get(asId<FrameworkId>(id))).toMatchObject({ recovered: true, connection: undefined });
  master.pass(599_000);
  const scheduler = master.scheduler({ id: { value: id } });
  expect(scheduler.id).toBe(id);
  master.pass(3_600_000);
  expect(master.state.frameworks.size).toBe(1);
});

test('a framework without MULTI_ROLE sees neither roles nor allocation infos', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler({ roles: [], role: 'web', capabilities: [] });
  master.agent();
  const [offer] = scheduler.offers;
  expect(offer!.allocationInfo).toBeUndefined();
  expect(offer!.resources![0]).toEqual({ name: 'cpus', type: 'SCALAR', scalar: { value: 4 }, role: '*' });
  const other = master.scheduler({ capabilities: [MULTI_ROLE] });
  expect(other.types[0]).toBe('SUBSCRIBED');
});
