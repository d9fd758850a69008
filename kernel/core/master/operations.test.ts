import type { FrameworkInfo, OfferOperation, OperationStatus, Resource } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { MasterHarness, MULTI_ROLE, resources, task } from '../../../tests/support/master-harness.js';
import type { AgentOperation } from '../protocol.js';

const REFINED = { type: 'RESERVATION_REFINEMENT' } as const;
const web = { type: 'DYNAMIC', role: 'web' } as const;
const held = (text: string, more: Partial<Resource> = {}): Resource[] =>
  resources(text).map((one) => ({ ...one, reservations: [web], ...more }));
const allocated = (role: string): OfferOperation => ({
  type: 'RESERVE',
  id: { value: role },
  reserve: { resources: held('disk:1', { allocationInfo: { role } }) },
});
const VOLUME = { persistence: { id: 'v1' }, volume: { containerPath: 'data', mode: 'RW' } } as const;
const reserve = (text: string, id?: string): OfferOperation => ({
  type: 'RESERVE',
  ...(id !== undefined && { id: { value: id } }),
  reserve: { resources: held(text) },
});
const create = (mem: number, more: Partial<Resource> = {}): OfferOperation => ({
  type: 'CREATE',
  create: { volumes: held(`disk:${mem}`, { disk: VOLUME, ...more }) },
});

function cluster(info: Partial<FrameworkInfo> = {}) {
  const master = new MasterHarness();
  const scheduler = master.scheduler({ capabilities: [MULTI_ROLE, REFINED], ...info });
  const agent = master.agent();
  const accept = (...operations: OfferOperation[]) => {
    master.pass(1000, [agent]);
    return scheduler.call({
      type: 'ACCEPT',
      accept: { offerIds: [scheduler.offers.at(-1)!.id], operations, filters: { refuseSeconds: 0 } },
    });
  };
  const statuses = (): OperationStatus[] =>
    scheduler.events.flatMap(({ updateOperationStatus }) => updateOperationStatus?.status ?? []);
  /** The agent carries out what it was asked last. */
  const answer = () => {
    const { uuid, frameworkId, info } = agent.of('applyOperation').at(-1)!;
    const status = { state: 'OPERATION_FINISHED' as const, operationId: info.id, uuid: { value: 'dXVpZA==' } };
    const operation: AgentOperation = { uuid, frameworkId, info, status };
    agent.call({ type: 'operationUpdated', operation });
    return operation;
  };
  const total = (): string => String(master.state.agents.values().next().value!.total);
  return { master, scheduler, agent, accept, statuses, answer, total };
}

const RESERVED = 'disk(reservations: [(DYNAMIC,web)])';

test('operations of one ACCEPT build on each other, and the agent is told in order', () => {
  const { scheduler, agent, accept, total } = cluster();
  const offer = scheduler.offers[0]!;
  const info = task('t', offer, 'cpus:1', {});
  info.resources = [...info.resources!, ...held('disk:64', { disk: VOLUME })];
  accept(reserve('disk:64;cpus:1'), create(64), { type: 'LAUNCH', launch: { taskInfos: [info] } });
  expect(agent.records.slice(-3).map(({ type }) => type)).toEqual(['applyOperation', 'applyOperation', 'runTask']);
  expect(total()).toContain(`${RESERVED}[v1:data]:64`);
  expect(scheduler.updates).toEqual([]);
});

test('what is reserved and not used is offered again, to the role alone', () => {
  const { master, scheduler, agent, accept } = cluster();
  const other = master.scheduler({ roles: ['db'], capabilities: [MULTI_ROLE, REFINED] });
  accept(reserve('mem:64'));
  master.pass(1000, [agent]);
  const all = [...scheduler.offers.slice(1), ...other.offers].map(({ resources = [], allocationInfo }) =>
    resources.filter(({ reservations }) => reservations).map(({ scalar }) => [allocationInfo?.role, scalar?.value]),
  );
  expect(all.flat()).toEqual([['web', 64]]);
});

test('a framework that gave an id is told until it acknowledges; then nobody knows the operation any more', () => {
  const { scheduler, agent, accept, statuses, answer, master } = cluster();
  accept(reserve('disk:64', 'op'));
  expect(statuses()).toEqual([]);
  answer();
  expect(statuses()).toMatchObject([
    { state: 'OPERATION_FINISHED', operationId: { value: 'op' }, agentId: { value: agent.id } },
  ]);
  answer();
  expect(statuses()).toHaveLength(2);
  expect(agent.of('acknowledgeOperation')).toEqual([]);
  const { uuid } = statuses()[0]!;
  const acknowledge = (uuid: string) =>
    scheduler.call({
      type: 'ACKNOWLEDGE_OPERATION_STATUS',
      acknowledgeOperationStatus: { agentId: { value: agent.id! }, operationId: { value: 'op' }, uuid },
    });
  acknowledge('another');
  expect(agent.of('acknowledgeOperation')).toEqual([]);
  expect(acknowledge(uuid!.value).status).toBe(202);
  expect(agent.of('acknowledgeOperation')).toHaveLength(1);
  expect(master.state.agents.values().next().value!.operations.size).toBe(0);
});

test('an operation without an id is acknowledged by the master, and so is one whose framework is gone', () => {
  const { scheduler, agent, accept, statuses, answer } = cluster();
  accept(reserve('disk:64'));
  answer();
  expect(agent.of('acknowledgeOperation')).toHaveLength(1);
  accept(reserve('disk:64', 'op'));
  scheduler.call({ type: 'TEARDOWN' });
  answer();
  expect(agent.of('acknowledgeOperation')).toHaveLength(2);
  expect(statuses()).toEqual([]);
});

test('what cannot be done is an OPERATION_ERROR, costs nothing, and lets the next operation pass', () => {
  const refusals: [OfferOperation, string][] = [
    [reserve('disk:2000', 'op'), 'does not contain disk:2000'],
    [
      {
        ...reserve('disk:1', 'op'),
        reserve: { resources: held('disk:1', { reservations: [{ type: 'DYNAMIC', role: 'db' }] }) },
      },
      "with roles 'web'",
    ],
    [{ ...reserve('disk:1', 'op'), reserve: { resources: held('disk:1'), source: held('disk:1') } }, 'source'],
    [{ ...create(8), id: { value: 'op' } }, `does not contain ${RESERVED}:8`],
    [{ ...create(8, { disk: { ...VOLUME, persistence: { id: '../x' } } }), id: { value: 'op' } }, 'invalid characters'],
    [{ ...create(8, { shared: {} }), id: { value: 'op' } }, 'SHARED_RESOURCES'],
    [{ type: 'DESTROY', id: { value: 'op' }, destroy: { volumes: held('disk:8', { disk: VOLUME }) } }, 'not found'],
    [{ type: 'CREATE_DISK', id: { value: 'op' } }, 'CREATE_DISK is not supported'],
  ];
  for (const [operation, why] of refusals) {
    const { accept, statuses, total, agent } = cluster();
    const before = total();
    accept(operation);
    expect(statuses()).toMatchObject([{ state: 'OPERATION_ERROR', message: expect.stringContaining(why) as string }]);
    expect(total()).toBe(before);
    accept(reserve('disk:64', 'next'));
    expect(agent.of('applyOperation')).toHaveLength(1);
  }
});

test('resources of an offer name the role they are allocated to, and that must be right', () => {
  const { accept, statuses, total } = cluster();
  accept(allocated('web'), allocated('db'));
  expect(statuses()).toMatchObject([{ operationId: { value: 'db' }, state: 'OPERATION_ERROR' }]);
  expect(total()).toContain(`${RESERVED}:1`);
});

test('principals: a reservation and a volume carry that of the framework', () => {
  const { accept, statuses } = cluster({ principal: 'me' });
  accept(reserve('disk:1', 'none'), {
    ...reserve('disk:1', 'other'),
    reserve: { resources: held('disk:1', { reservations: [{ ...web, principal: 'you' }] }) },
  });
  expect(statuses().map(({ message }) => message)).toEqual([
    expect.stringContaining('no principal set'),
    expect.stringContaining("principal 'you'"),
  ]);
});

test('a volume in use is not destroyed, and its id is not given twice', () => {
  const { scheduler, accept, statuses, master, agent } = cluster();
  const info = task('t', scheduler.offers[0]!, 'cpus:1');
  info.resources = [...info.resources!, ...held('disk:8', { disk: VOLUME })];
  accept(reserve('disk:64'), create(8), { type: 'LAUNCH', launch: { taskInfos: [info] } });
  accept(
    { ...create(8), id: { value: 'twice' } },
    { type: 'DESTROY', id: { value: 'used' }, destroy: { volumes: held('disk:8', { disk: VOLUME }) } },
  );
  expect(statuses().map(({ message }) => message)).toEqual([
    "Invalid CREATE operation: Persistence ID 'v1' is not unique",
    'Invalid DESTROY operation: Persistent volumes in use',
  ]);
  expect(
    master.operator({
      type: 'DESTROY_VOLUMES',
      destroyVolumes: { agentId: { value: agent.id! }, volumes: held('disk:8', { disk: VOLUME }) },
    }),
  ).toMatchObject({ status: 400, text: 'Invalid DESTROY operation: Persistent volumes in use' });
});

test('a shared volume goes to any number of tasks of one offer, and comes back when they end', () => {
  const { scheduler, accept, agent, master } = cluster({
    capabilities: [MULTI_ROLE, REFINED, { type: 'SHARED_RESOURCES' }],
  });
  const shared = held('disk:8', { disk: VOLUME, shared: {} });
  const infos = ['a', 'b'].map((id) => {
    const info = task(id, scheduler.offers[0]!, 'cpus:1');
    return { ...info, resources: [...info.resources!, ...shared] };
  });
  accept(reserve('disk:8'), create(8, { shared: {} }), { type: 'LAUNCH', launch: { taskInfos: infos } });
  expect(agent.of('runTask')).toHaveLength(2);
  for (const id of ['a', 'b']) agent.update(scheduler.id, id, 'TASK_FINISHED');
  accept({ type: 'DESTROY', destroy: { volumes: shared } });
  expect(String(master.state.agents.values().next().value!.total)).not.toContain('v1');
});

test('the agent has the last word: what it never heard of is undone, what it lost it says', () => {
  const { accept, agent, statuses, total, answer, master } = cluster();
  accept(reserve('disk:64', 'lost'));
  agent.subscribe();
  expect(statuses()).toMatchObject([{ state: 'OPERATION_DROPPED', operationId: { value: 'lost' } }]);
  expect(total()).not.toContain('DYNAMIC');
  accept(reserve('disk:64', 'kept'));
  const operation = answer();
  agent.subscribe({
    operations: [operation],
    resources: [...resources('cpus:4;mem:4096;disk:936;ports:[31000-32000]'), ...held('disk:64')],
  });
  expect(total()).toContain(`${RESERVED}:64`);
  expect(master.state.agents.values().next().value!.operations.size).toBe(1);
  agent.call({ type: 'operationUpdated', operation });
  expect(statuses().at(-1)).toMatchObject({ state: 'OPERATION_FINISHED' });
  agent.call({ type: 'updateResources', resources: resources('cpus:4') });
  expect(total()).toBe('cpus:4');
});

test('what an agent says that it has is before operations on their way to it, and after those that it names', () => {
  const { accept, agent, total } = cluster();
  const before = [...resources('cpus:4;mem:4096;disk:1000;ports:[31000-32000]')];
  accept(reserve('disk:64', 'op'));
  agent.call({ type: 'updateResources', resources: before, operations: [] });
  expect(total()).toContain(`${RESERVED}:64`);
  const { uuid } = agent.of('applyOperation')[0]!;
  agent.call({ type: 'updateResources', resources: before, operations: [uuid] });
  expect(total()).not.toContain('DYNAMIC');
});

test('a new master learns operations from the agent, and passes on what their framework has yet to acknowledge', () => {
  const { accept, answer, scheduler } = cluster();
  accept(reserve('disk:64', 'op'));
  const operation = answer();
  const next = new MasterHarness();
  const again = next.scheduler();
  const agent = next.agent('cpus:1', { operations: [{ ...operation, frameworkId: again.id }] });
  again.call({ type: 'RECONCILE_OPERATIONS', reconcileOperations: { operations: [] } });
  agent.call({ type: 'operationUpdated', operation: { ...operation, frameworkId: again.id } });
  const statuses = again.events.flatMap(({ updateOperationStatus }) => updateOperationStatus?.status ?? []);
  expect(statuses.map(({ state, uuid, agentId }) => [state, uuid !== undefined, agentId?.value])).toEqual([
    ['OPERATION_FINISHED', false, agent.id],
    ['OPERATION_FINISHED', true, agent.id],
  ]);
  expect(scheduler.id).toBeDefined();
});

test('reconciliation of operations: known, unknown, of agents that are away or gone', () => {
  const { scheduler, accept, statuses, agent, master } = cluster();
  accept(reserve('disk:64', 'op'));
  const ask = (operationId: string, agentId?: string) => {
    const named = {
      operationId: { value: operationId },
      ...(agentId !== undefined && { agentId: { value: agentId } }),
    };
    expect(scheduler.call({ type: 'RECONCILE_OPERATIONS', reconcileOperations: { operations: [named] } }).status).toBe(
      202,
    );
    return statuses().at(-1);
  };
  expect(ask('op', agent.id)).toMatchObject({ state: 'OPERATION_PENDING' });
  expect(ask('nope', agent.id)).toMatchObject({
    state: 'OPERATION_UNKNOWN',
    message: 'Reconciliation: Operation is unknown',
  });
  master.pass(90_000);
  expect(statuses()).toContainEqual(
    expect.objectContaining({ state: 'OPERATION_UNREACHABLE', operationId: { value: 'op' } }),
  );
  expect(ask('op', agent.id)).toMatchObject({ state: 'OPERATION_UNREACHABLE' });
  master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: agent.id! } } });
  expect(ask('op', agent.id)).toMatchObject({ state: 'OPERATION_GONE_BY_OPERATOR' });
});

test('an operator takes what is offered, not what is used', () => {
  const { master, scheduler, agent, total } = cluster();
  const agentId = { value: agent.id! };
  const ask = (text: string) =>
    master.operator({ type: 'RESERVE_RESOURCES', reserveResources: { agentId, resources: held(text) } });
  expect(ask('cpus:4')).toMatchObject({ status: 202 });
  expect(scheduler.types).toContain('RESCIND');
  expect(total()).toContain('cpus(reservations: [(DYNAMIC,web)]):4');
  expect(ask('cpus:1').text).toContain('does not contain cpus:1');
  scheduler.launch([scheduler.offers.at(-1)!], task('t', { agentId }, 'mem:4096'));
  expect(ask('mem:4096')).toMatchObject({ status: 409, text: expect.stringContaining('is in use') as string });
  expect(ask('mem:5000')).toMatchObject({ status: 409 });
  expect(
    master.operator({ type: 'RESERVE_RESOURCES', reserveResources: { agentId, resources: resources('mem:1') } }),
  ).toMatchObject({
    status: 400,
    text: `Invalid RESERVE operation on agent ${agent.id} at slave(1)@10.0.0.2:5051 (host): Resource mem:1 is not dynamically reserved`,
  });
  expect(
    master.operator({ type: 'RESERVE_RESOURCES', reserveResources: { agentId: { value: 'x' }, resources: [] } }),
  ).toMatchObject({ status: 400 });
  agent.disconnect();
  expect(
    master.operator({ type: 'UNRESERVE_RESOURCES', unreserveResources: { agentId, resources: held('cpus:4') } }),
  ).toMatchObject({ status: 409 });
});

test('an agent is drained when its operations are settled too', () => {
  const { master, agent, accept, answer } = cluster();
  accept(reserve('disk:64'));
  master.operator({ type: 'DRAIN_AGENT', drainAgent: { agentId: { value: agent.id! } } });
  master.pass(1000, [agent]);
  const drain = () => master.state.agents.values().next().value!.drain?.state;
  expect(drain()).toBe('DRAINING');
  answer();
  master.pass(1000, [agent]);
  expect(drain()).toBe('DRAINED');
});

test.each(['RESERVE', 'UNRESERVE', 'CREATE', 'DESTROY', 'GROW_VOLUME', 'SHRINK_VOLUME'] as const)(
  '%s with the body of another operation, or none, is an error',
  (type) => {
    const { accept, statuses, agent } = cluster();
    const another = type === 'RESERVE' ? create(1) : reserve('disk:1');
    accept({ type, id: { value: 'a' } }, { ...another, type, id: { value: 'b' } });
    const error = `Invalid ${type} operation: Expecting '${type.toLowerCase()}' to be present`;
    expect(statuses().map(({ state, message }) => [state, message])).toEqual([
      ['OPERATION_ERROR', error],
      ['OPERATION_ERROR', error],
    ]);
    expect(agent.of('applyOperation')).toEqual([]);
  },
);
