import type { ExecutorInfo, Offer, OfferOperation, TaskInfo } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { MasterHarness, resources, task } from '../../../tests/support/master-harness.js';
import { getFrameworks } from './views.js';

function offered(text?: string) {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent(text);
  return { master, scheduler, agent, offer: scheduler.offers[0]! };
}

const accept = (
  s: ReturnType<typeof offered>['scheduler'],
  ids: string[],
  operations: OfferOperation[],
  refuseSeconds = 0,
) =>
  s.call({
    type: 'ACCEPT',
    accept: { offerIds: ids.map((value) => ({ value })), operations, filters: { refuseSeconds } },
  });

const launch = (...taskInfos: TaskInfo[]): OfferOperation => ({ type: 'LAUNCH', launch: { taskInfos } });

test('an accepted offer is gone: accepted again, its tasks are dropped', () => {
  const { scheduler, offer } = offered();
  accept(scheduler, [offer.id.value], []);
  accept(scheduler, [offer.id.value], [launch(task('t', offer))]);
  expect(scheduler.lastStatus).toMatchObject({
    state: 'TASK_DROPPED',
    reason: 'REASON_INVALID_OFFERS',
    message: `Task launched with invalid offers: Offer ${offer.id.value} is no longer valid`,
  });
  expect(scheduler.lastStatus!.uuid).toBeUndefined();
});

test('a declined offer stays away for as long as it was refused, and returns then', () => {
  const { master, scheduler, agent, offer } = offered();
  scheduler.call({ type: 'DECLINE', decline: { offerIds: [offer.id], filters: { refuseSeconds: 30 } } });
  master.pass(29_000, [agent]);
  expect(scheduler.offers).toHaveLength(1);
  master.pass(2_000, [agent]);
  expect(scheduler.offers).toHaveLength(2);
});

test('declining for no time at all does not spin', () => {
  const { master, scheduler, agent } = offered();
  for (let i = 0; i < 50; i++) {
    const last = scheduler.offers.at(-1)!;
    scheduler.call({ type: 'DECLINE', decline: { offerIds: [last.id], filters: { refuseSeconds: 0 } } });
  }
  expect(scheduler.offers).toHaveLength(1);
  master.pass(200, [agent]);
  expect(scheduler.offers).toHaveLength(2);
});

test('in batches what is returned waits for the next, but not for who revives, and no batch comes without need', () => {
  const master = new MasterHarness({ batchAllocation: true, allocationIntervalMs: 1000 });
  const [first, second] = [master.scheduler(), master.scheduler()];
  const agent = master.agent();
  const decline = (scheduler: typeof first) =>
    scheduler.call({
      type: 'DECLINE',
      decline: { offerIds: [scheduler.offers.at(-1)!.id], filters: { refuseSeconds: 3600 } },
    });
  expect([first.offers, second.offers].map((offers) => offers.length)).toEqual([1, 0]);
  master.pass(1_500, [agent]);
  decline(first);
  expect(second.offers).toHaveLength(0);
  master.pass(499, [agent]);
  expect(second.offers).toHaveLength(0);
  master.pass(1, [agent]);
  expect(second.offers).toHaveLength(1);
  decline(second);
  first.call({ type: 'REVIVE' });
  expect(first.offers).toHaveLength(2);
  master.pass(2_000, [agent]);
  expect(master.timers.has('batch')).toBe(false);
});

test('suppress stops offers, revive brings them at once and ends refusals', () => {
  const { master, scheduler, agent, offer } = offered();
  scheduler.call({ type: 'SUPPRESS' });
  scheduler.call({ type: 'DECLINE', decline: { offerIds: [offer.id], filters: { refuseSeconds: 3600 } } });
  master.pass(10_000, [agent]);
  expect(scheduler.offers).toHaveLength(1);
  scheduler.call({ type: 'REVIVE', revive: { roles: ['nobody'] } });
  expect(scheduler.offers).toHaveLength(1);
  scheduler.call({ type: 'REVIVE' });
  expect(scheduler.offers).toHaveLength(2);
});

test('offers of one agent and role are joined, others are not', () => {
  const { master, scheduler, offer } = offered('cpus:2;mem:256');
  accept(scheduler, [offer.id.value], [launch(task('a', offer, 'cpus:1;mem:128'))]);
  const rest = master.state.offers.values().next().value;
  expect(rest).toBeUndefined();
  master.pass(200);
  const second = scheduler.offers.at(-1)!;
  const elsewhere = master.agent('cpus:2;mem:256');
  const third = scheduler.offers.at(-1)!;
  accept(scheduler, [second.id.value, third.id.value], [launch(task('b', second))]);
  expect(scheduler.lastStatus).toMatchObject({
    state: 'TASK_DROPPED',
    message: expect.stringContaining('one single agent'),
  });
  expect(elsewhere.of('runTask')).toEqual([]);
});

test('an offer that nobody answers is rescinded after its time', () => {
  const master = new MasterHarness({ offerTimeoutMs: 5_000 });
  const scheduler = master.scheduler();
  const agent = master.agent();
  master.pass(5_000, [agent]);
  expect(scheduler.types).toContain('RESCIND');
  expect(scheduler.offers).toHaveLength(2);
});

const invalid: [string, Partial<TaskInfo>, string][] = [
  [
    'too much',
    { resources: resources('cpus:1000;mem:32') },
    'Total resources cpus(allocated: web):1000; mem(allocated: web):32 required by task and its executor is more than available cpus',
  ],
  ['nothing', { resources: [] }, 'Task uses no resources'],
  ['another agent', { agentId: { value: 'other' } }, 'Task uses invalid agent other while agent m-S0 is expected'],
  ['a path as id', { taskId: { value: 'bad/id' } }, "'bad/id' contains invalid characters"],
  [
    'no command',
    { command: undefined },
    'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present',
  ],
  ['a limit below the request', { limits: { mem: { value: 1 } } }, 'The mem limit 1 is less than the request 128'],
  [
    'another role',
    { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, allocationInfo: { role: 'x' } }] },
    "Task uses resources allocated to role 'x'",
  ],
];

test.each(invalid)('a task that wants %s is in error, and the rest of the offer is free again', (_, more, message) => {
  const { scheduler, agent, offer } = offered();
  accept(scheduler, [offer.id.value], [launch(task('t', offer, undefined, more))]);
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' });
  expect(scheduler.lastStatus!.message).toContain(message);
  expect(agent.of('runTask')).toEqual([]);
});

test('a task id that is in use cannot be used again', () => {
  const { scheduler, offer } = offered();
  accept(scheduler, [offer.id.value], [launch(task('t', offer), task('t', offer))]);
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_ERROR', message: 'Task has duplicate ID: t' });
});

const executor: ExecutorInfo = {
  type: 'DEFAULT',
  executorId: { value: 'e' },
  resources: resources('cpus:0.1;mem:32;disk:8'),
};
const group = (...tasks: TaskInfo[]): OfferOperation => ({
  type: 'LAUNCH_GROUP',
  launchGroup: { executor, taskGroup: { tasks } },
});

test('a task group is launched whole, with its executor, or not at all', () => {
  const { master, scheduler, agent, offer } = offered('cpus:1;mem:512;disk:64');
  accept(
    scheduler,
    [offer.id.value],
    [group(task('a', offer, 'cpus:0.4;mem:64'), task('b', offer, 'cpus:0.6;mem:64'))],
  );
  expect(scheduler.updates).toEqual(['a TASK_ERROR', 'b TASK_ERROR']);
  expect(scheduler.lastStatus).toMatchObject({ reason: 'REASON_TASK_GROUP_INVALID' });
  master.pass(200, [agent]);
  const again = scheduler.offers.at(-1)!;
  accept(
    scheduler,
    [again.id.value],
    [group(task('a', again, 'cpus:0.4;mem:64'), task('b', again, 'cpus:0.5;mem:64'))],
  );
  expect(agent.of('runTaskGroup')[0]).toMatchObject({
    executor: { executorId: { value: 'e' } },
    tasks: [{ name: 'a' }, { name: 'b' }],
  });
  agent.call({ type: 'executorExited', frameworkId: scheduler.id, executorId: 'e', status: 0 });
  expect(scheduler.events.find(({ failure }) => failure)).toMatchObject({
    failure: { executorId: { value: 'e' }, status: 0 },
  });
});

const pod = (more: Partial<ExecutorInfo>, given: Partial<TaskInfo> = {}): OfferOperation => ({
  type: 'LAUNCH_GROUP',
  launchGroup: { executor: { ...executor, ...more }, taskGroup: { tasks: [{ ...bare, ...given }] } },
});
const bare = task('t', { agentId: { value: '' } } as Offer, 'cpus:0.1;mem:32');

test.each<[OfferOperation, string]>([
  [pod({ type: undefined }), "'ExecutorInfo.type' must be set"],
  [pod({ command: { value: 'x' } }), "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"],
  [pod({ container: { type: 'DOCKER' } }), "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor"],
  [
    pod({ container: { type: 'MESOS', mesos: { image: { type: 'DOCKER', docker: { name: 'x' } } } } }),
    "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor",
  ],
  [
    pod({ resources: resources('mem:32;disk:8') }),
    "Executor 'e' uses less CPUs (None) than the minimum required (0.01)",
  ],
  [
    pod({ resources: resources('cpus:0.1;mem:16;disk:8') }),
    "Executor 'e' uses less memory (16MB) than the minimum required (32MB)",
  ],
  [pod({ resources: resources('cpus:0.1;mem:32') }), "Executor 'e' uses no disk"],
  [pod({}, { resources: [] }), "Task 't' is invalid: Task uses no resources"],
  [
    pod({}, { container: { type: 'DOCKER' } }),
    "Task 't' is invalid: Docker ContainerInfo is not supported on the task",
  ],
  [
    pod({}, { limits: { cpus: { value: 1 } } }),
    "Task 't' is invalid: Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is set to 'false'.",
  ],
  [
    pod({}, { executor: { ...executor, name: 'other' } }),
    "The `ExecutorInfo` of task 't' is different from executor 'e'",
  ],
])('an invalid group is refused in the words of the field %#', (operation, message) => {
  const { scheduler, offer } = offered('cpus:1;mem:512;disk:64');
  for (const one of operation.launchGroup!.taskGroup.tasks!) one.agentId = offer.agentId;
  accept(scheduler, [offer.id.value], [operation]);
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_GROUP_INVALID', message });
});

test('the default executor is launched by groups alone', () => {
  const { scheduler, offer } = offered('cpus:1;mem:512;disk:64');
  const one = task('t', offer, 'cpus:0.1;mem:32', { command: undefined, executor });
  accept(scheduler, [offer.id.value], [launch(one)]);
  expect(scheduler.lastStatus).toMatchObject({ message: "'ExecutorInfo.type' must be 'CUSTOM'" });
});

test('an executor costs once, however many tasks it runs', () => {
  const { master, scheduler, agent, offer } = offered('cpus:1;mem:512;disk:64');
  const custom = { ...executor, type: 'CUSTOM', command: { value: 'x' } } as const;
  const own = (id: string, o: typeof offer) => task(id, o, 'cpus:0.1;mem:32', { command: undefined, executor: custom });
  accept(scheduler, [offer.id.value], [launch(own('a', offer), own('b', offer))]);
  master.pass(200, [agent]);
  expect(scheduler.offers.at(-1)).toMatchObject({ executorIds: [{ value: 'e' }] });
  expect(scheduler.offers.at(-1)!.resources).toContainEqual(
    expect.objectContaining({ name: 'cpus', scalar: { value: 0.7 } }),
  );
});

test('operations that cannot be done say so to whoever gave them an id, and cost nothing', () => {
  const { scheduler, offer } = offered();
  const reserve: OfferOperation = { type: 'RESERVE', id: { value: 'op' }, reserve: { resources: resources('cpus:1') } };
  accept(scheduler, [offer.id.value], [reserve, launch(task('t', offer))]);
  expect(scheduler.events.find((e) => e.updateOperationStatus)).toMatchObject({
    updateOperationStatus: {
      status: {
        operationId: { value: 'op' },
        state: 'OPERATION_ERROR',
        message: 'Invalid RESERVE operation: Resource cpus:1 is not dynamically reserved',
      },
    },
  });
  expect(scheduler.updates).toEqual([]);
});

test('an offer is told in the format that the framework knows, and shown in that of today', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler({ capabilities: [{ type: 'MULTI_ROLE' }] });
  master.agent();
  expect(scheduler.offers[0]!.resources![0]).toMatchObject({ name: 'cpus', role: '*' });
  const [shown] = getFrameworks(master.state).frameworks!;
  expect(shown!.offers![0]!.resources![0]).not.toHaveProperty('role');
});
