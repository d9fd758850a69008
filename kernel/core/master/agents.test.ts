import type { TaskState } from '@mezzo/sdk/api';
import { asId, type AgentId, type MasterId } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import {
  agentTask,
  frameworkInfo,
  MasterHarness,
  MULTI_ROLE,
  resources,
  task,
  TestAgent,
} from '../../../tests/support/master-harness.js';
import { digestOf } from '../digest.js';
import { bookItems } from '../protocol.js';
import type { AgentRecord } from './effects.js';
import { getTasks } from './views.js';

const allocated = (id: string) =>
  task(id, { agentId: { value: 'm-S0' } }, undefined, {
    resources: resources('cpus:1;mem:128').map((one) => ({ ...one, allocationInfo: { role: 'web' } })),
  });

function withTask() {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  agent.update(scheduler.id, 't', 'TASK_RUNNING');
  scheduler.acknowledge();
  return { master, scheduler, agent, told: agentTask(scheduler.id, allocated('t')) };
}

test('pings that nobody answers make an agent unreachable, and its tasks with it', () => {
  const { master, scheduler, agent } = withTask();
  master.pass(74_000);
  expect(scheduler.types).not.toContain('FAILURE');
  expect(agent.of('ping').length).toBe(5);
  master.pass(16_000);
  expect(scheduler.lastStatus).toMatchObject({
    state: 'TASK_UNREACHABLE',
    reason: 'REASON_AGENT_REMOVED',
    message: 'health check timed out',
  });
  expect(scheduler.lastStatus!.unreachableTime).toBeDefined();
  expect(scheduler.events.at(-1)).toMatchObject({ type: 'FAILURE', failure: { agentId: { value: 'm-S0' } } });
  expect(master.registry.get('m-S0')).toMatchObject({ fate: 'unreachable' });
  expect(master.isClosed(agent.connection)).toBe(true);
});

test('an agent that answers stays, however few pings it may miss', () => {
  const master = new MasterHarness({ maxAgentPingTimeouts: 1 });
  const agent = master.agent();
  master.pass(3_600_000, [agent]);
  expect(master.state.agents.size).toBe(1);
});

test('a framework that knows no partitions is told TASK_LOST instead, and so is who asks', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler({ capabilities: [MULTI_ROLE] });
  master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  master.pass(100_000);
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_LOST', reason: 'REASON_AGENT_REMOVED' });
  expect(getTasks(master.state).unreachableTasks).toMatchObject([{ taskId: { value: 't' }, state: 'TASK_LOST' }]);
  expect(master.state.counts.get('task_lost/source_master/reason_slave_removed')).toBe(1);
  master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'm-S0' } } });
  expect(getTasks(master.state)).toMatchObject({ unreachableTasks: [], completedTasks: [{ state: 'TASK_LOST' }] });
});

test('an unreachable agent comes back with its tasks', () => {
  const { master, scheduler, agent, told } = withTask();
  master.pass(100_000);
  agent.subscribe({ tasks: [told], frameworks: [frameworkInfo({ id: { value: scheduler.id } })] });
  expect(scheduler.lastStatus).toMatchObject({ state: 'TASK_RUNNING', reason: 'REASON_AGENT_REREGISTERED' });
  expect(master.registry.get('m-S0')).toMatchObject({ fate: 'admitted' });
  expect(master.state.agents.get(asId<AgentId>('m-S0'))!.reregisteredAtMs).toBe(master.nowMs);
  expect(agent.of('shutdownFramework')).toEqual([]);
  expect(scheduler.offers.at(-1)!.resources).toContainEqual(
    expect.objectContaining({ name: 'cpus', scalar: { value: 3 } }),
  );
});

test('a broken stream rescinds offers and leaves the tasks alone until the time is over', () => {
  const { master, scheduler, agent } = withTask();
  scheduler.call({ type: 'REVIVE' });
  agent.disconnect();
  expect(scheduler.events.at(-1)).toMatchObject({ type: 'RESCIND' });
  master.pass(599_000);
  expect(scheduler.updates.at(-1)).toBe('t TASK_RUNNING');
  master.pass(2_000);
  expect(scheduler.updates.at(-1)).toBe('t TASK_UNREACHABLE');
});

test('what an agent does not know when it comes back has ended, or never began', () => {
  const { master, scheduler, agent } = withTask();
  scheduler.call({ type: 'REVIVE' });
  scheduler.launch([scheduler.offers.at(-1)!], task('late', scheduler.offers.at(-1)!));
  agent.disconnect();
  agent.subscribe();
  expect(scheduler.updates.slice(-2)).toEqual(['t TASK_GONE', 'late TASK_DROPPED']);
  expect(scheduler.offers.at(-1)!.resources).toContainEqual(
    expect.objectContaining({ name: 'cpus', scalar: { value: 4 } }),
  );
  expect(master.state.agents.get(asId<AgentId>('m-S0'))!.tasks.size).toBe(0);
});

test('a kill is said again to an agent that comes back', () => {
  const { scheduler, agent, told } = withTask();
  agent.disconnect();
  scheduler.call({ type: 'KILL', kill: { taskId: { value: 't' } } });
  agent.subscribe({ tasks: [told] });
  expect(agent.of('killTask')[0]).toMatchObject({ frameworkId: scheduler.id, taskId: 't' });
});

test('a framework that was removed while the agent was away ends there too', () => {
  const { scheduler, agent, told } = withTask();
  agent.disconnect();
  scheduler.call({ type: 'TEARDOWN' });
  agent.subscribe({ tasks: [told], frameworks: [frameworkInfo({ id: { value: scheduler.id } })] });
  expect(agent.of('shutdownFramework')[0]).toMatchObject({ frameworkId: scheduler.id });
});

test('a new master takes over agents, tasks and frameworks from the agents', () => {
  const { master: old, scheduler, told } = withTask();
  const record = old.registry.get('m-S0') as AgentRecord;
  const framework = old.registry.get(scheduler.id) as never;
  const master = new MasterHarness({ masterId: asId<MasterId>('n') }, [
    { op: 'putAgent', id: asId<AgentId>('m-S0'), record },
    { op: 'putFramework', id: asId(scheduler.id), record: framework },
  ]);
  const again = master.scheduler({ id: { value: scheduler.id } });
  again.call({ type: 'RECONCILE', reconcile: { tasks: [{ taskId: { value: 't' } }] } });
  expect(again.updates).toEqual([]);
  const agent = master.agent(undefined, { agentInfo: { hostname: 'h', id: { value: 'm-S0' } }, tasks: [told] });
  expect(agent.of('registered')[0]).toMatchObject({ agentId: 'm-S0' });
  again.call({ type: 'RECONCILE', reconcile: {} });
  expect(again.updates).toEqual(['t TASK_RUNNING']);
  expect(master.state.recoveredAgents.size).toBe(0);
});

test('agents of the old master that do not come back become unreachable', () => {
  const { master: old } = withTask();
  const record = old.registry.get('m-S0') as AgentRecord;
  const master = new MasterHarness({}, [{ op: 'putAgent', id: asId<AgentId>('m-S0'), record }]);
  master.pass(600_000);
  expect(master.state.unreachableAgents.size).toBe(1);
  expect(master.registry.get('m-S0')).toMatchObject({ fate: 'unreachable' });
});

test('an agent that the registry does not know is believed about its frameworks', () => {
  const master = new MasterHarness();
  const info = frameworkInfo({ id: { value: 'old-0000' } });
  const agent = master.agent(undefined, {
    agentInfo: { hostname: 'h', id: { value: 'old-S1' } },
    tasks: [agentTask('old-0000', allocated('t'))],
    frameworks: [info],
  });
  expect(agent.of('registered')[0]).toMatchObject({ agentId: 'old-S1' });
  expect(master.state.frameworks.get(asId('old-0000'))).toMatchObject({ recovered: true });
  expect(master.registry.has('old-0000')).toBe(true);
});

test('an agent that comes without its id from a known address takes the place of the one before', () => {
  const { master, scheduler, agent } = withTask();
  const { address } = master.state.agents.get(asId<AgentId>('m-S0'))!;
  agent.disconnect();
  master.agent(undefined, { address });
  expect(scheduler.updates.at(-1)).toBe('t TASK_GONE');
  expect([...master.state.agents.keys()]).toEqual(['m-S1']);
  expect(master.registry.has('m-S0')).toBe(false);
});

test('batches are counted: one that came twice is done once, a gap and an unknown session are refused', () => {
  const { master, scheduler, agent } = withTask();
  const send = (seq: number, session: string = agent.connection) => {
    const request = master.request();
    const status = { taskId: { value: 't' }, state: 'TASK_FINISHED', uuid: 'u' } as const;
    const calls = [{ type: 'statusUpdate', frameworkId: scheduler.id, status, latestState: 'TASK_FINISHED' } as const];
    master.dispatch({ type: 'agentCalled', request, batch: { session, seq, seen: 0, calls } });
    return master.reply(request)!.status;
  };
  expect(send(3)).toBe(409);
  expect(send(2, 'nobody')).toBe(409);
  const before = scheduler.updates.length;
  expect(send(2)).toBe(202);
  expect(send(2)).toBe(202);
  expect(scheduler.updates.length).toBe(before + 1);
});

test('a farewell takes the agent out of the registry and ends its tasks', () => {
  const { master, scheduler, agent } = withTask();
  agent.call({ type: 'unregister' });
  expect(scheduler.updates.at(-1)).toBe('t TASK_GONE');
  expect(master.registry.has('m-S0')).toBe(false);
  expect(master.state.agents.size).toBe(0);
});

test('an agent that speaks another protocol or tells nonsense is refused', () => {
  const master = new MasterHarness();
  expect(master.agent(undefined, { protocol: 9 }).of('refused')).toHaveLength(1);
  const bad = master.agent(undefined, { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: -1 } }] });
  expect(bad.of('refused')[0]).toMatchObject({ reason: expect.stringContaining('invalid resources') });
  expect(master.state.agents.size).toBe(0);
});

const booksWith = (frameworkId: string, state: TaskState) => digestOf([bookItems.task(frameworkId, 't', state)]);

test('an agent with the books that the master has is back at once; what was to end is killed again', () => {
  const { master, scheduler, agent } = withTask();
  scheduler.call({ type: 'KILL', kill: { taskId: { value: 't' } } });
  agent.disconnect();
  agent.comeBack(booksWith(scheduler.id, 'TASK_RUNNING'));
  expect(agent.records.map(({ type }) => type)).toEqual(['registered', 'killTask']);
  expect(scheduler.updates).toEqual(['t TASK_RUNNING']);
  expect(master.state.counts.get('slave_reregistrations')).toBe(1);
});

test('an agent with other books, or with none, has to tell all first', () => {
  const { scheduler, agent } = withTask();
  agent.disconnect();
  for (const told of [booksWith(scheduler.id, 'TASK_STARTING'), digestOf([])]) {
    agent.comeBack(told);
    expect(agent.records).toEqual([{ type: 'tellAll', seq: 1 }]);
  }
});

test('an executor that ended while its agent was away has failed, and its framework is told so once', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent();
  const executor = { type: 'CUSTOM', executorId: { value: 'e' }, command: { value: './e' } } as const;
  const more = { command: undefined, executor };
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!, 'cpus:1;mem:128', more));
  agent.disconnect();
  for (const _ of ['once', 'again']) agent.subscribe({ frameworks: [frameworkInfo({ id: { value: scheduler.id } })] });
  const failure = { agentId: { value: 'm-S0' }, executorId: { value: 'e' } };
  expect(scheduler.events.filter(({ type }) => type === 'FAILURE')).toEqual([{ type: 'FAILURE', failure }]);
});

test('an agent that the master does not know, or refuses, has to tell all first', () => {
  const master = new MasterHarness();
  const stranger = new TestAgent(master, 'cpus:4;mem:4096', { agentInfo: { hostname: 'h', id: { value: 'x-S0' } } });
  stranger.disconnect();
  master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'x-S0' } } });
  stranger.comeBack(digestOf([]));
  expect(stranger.records).toEqual([{ type: 'tellAll', seq: 1 }]);
});

test('an agent that was marked gone is told so and stays away for ever', () => {
  const { master, scheduler, agent, told } = withTask();
  const request = master.request();
  const call = { type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: 'm-S0' } } } as const;
  master.dispatch({ type: 'operatorCalled', request, call });
  expect(master.reply(request)).toMatchObject({ status: 200 });
  expect(agent.of('refused')).toHaveLength(1);
  expect(scheduler.lastStatus).toMatchObject({
    state: 'TASK_GONE_BY_OPERATOR',
    reason: 'REASON_AGENT_REMOVED_BY_OPERATOR',
  });
  agent.subscribe({ tasks: [told] });
  expect(agent.of('refused')).toHaveLength(1);
});

test('resources that shrink take offers back', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent('cpus:4;mem:1024');
  agent.call({ type: 'updateResources', resources: resources('cpus:2;mem:1024') });
  expect(scheduler.types).toContain('RESCIND');
  expect(scheduler.offers.at(-1)!.resources).toContainEqual(
    expect.objectContaining({ name: 'cpus', scalar: { value: 2 } }),
  );
});

test('what an earlier life of an agent said and comes late brings no task back from its end', () => {
  const { master, scheduler, agent, told } = withTask();
  agent.subscribe({ tasks: [{ ...told, state: 'TASK_GONE' }] });
  agent.subscribe({ tasks: [told] });
  expect(scheduler.updates.filter((update) => update === 't TASK_RUNNING')).toHaveLength(1);
  expect(
    master.state.frameworks
      .values()
      .next()
      .value!.tasks.get(told.info.taskId.value as never)!.message.state,
  ).toBe('TASK_GONE');
});

test('an agent that comes back is not pinged at once, and given up no later than a new one', () => {
  const master = new MasterHarness();
  const agent = new TestAgent(master, 'cpus:4;mem:4096', { agentInfo: { hostname: 'host', id: { value: 'm-S0' } } });
  expect(agent.of('ping')).toEqual([]);
  master.pass(74_000);
  expect(master.state.agents.size).toBe(1);
  expect(agent.of('ping')).toHaveLength(4);
  master.pass(1_000);
  expect(master.state.agents.size).toBe(0);
});

test('an agent whose first answer was lost asks again and is the same one; one that knew its id and forgot is another', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const address = '10.0.0.9:5051';
  const lost = new TestAgent(master, 'cpus:4;mem:4096', { address });
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!));
  const agent = new TestAgent(master, 'cpus:4;mem:4096', { address });
  expect(agent.id).toBe(lost.id);
  expect(master.isClosed(lost.connection)).toBe(true);
  expect(scheduler.updates).toEqual(['t TASK_DROPPED']);
  agent.call({ type: 'pong' });
  agent.disconnect();
  expect(new TestAgent(master, 'cpus:4;mem:4096', { address }).id).not.toBe(lost.id);
});

const domain = (region: string) => ({ faultDomain: { region: { name: region }, zone: { name: 'z' } } });
const at = (region: string) => ({ agentInfo: { hostname: 'host', port: 5051, domain: domain(region) } });
const here = { info: { id: 'm', ip: 1, port: 5050, domain: domain('here') } };

test('agents of other regions are offered to frameworks that are aware of regions only', () => {
  const master = new MasterHarness(here);
  const [plain, aware] = [
    master.scheduler(),
    master.scheduler({ capabilities: [MULTI_ROLE, { type: 'REGION_AWARE' }] }),
  ];
  master.agent(undefined, at('there'));
  expect(plain.offers).toEqual([]);
  expect(aware.offers).toMatchObject([{ domain: domain('there') }]);
  aware.call({ type: 'SUPPRESS' });
  master.agent(undefined, at('here'));
  master.agent();
  expect(plain.offers).toHaveLength(2);
});

test('an agent with a domain that the master cannot compare is turned away, not ended', () => {
  const master = new MasterHarness();
  const agent = master.agent(undefined, at('here'));
  expect(agent.records).toEqual([]);
  expect(master.isClosed(agent.connection)).toBe(true);
  const strict = new MasterHarness({ ...here, requireAgentDomain: true });
  expect(strict.agent().records).toEqual([]);
  expect(strict.agent(undefined, at('there')).of('registered')).toHaveLength(1);
});

test('unreachable and gone agents are forgotten when they are too old, and the oldest when they are too many', () => {
  const master = new MasterHarness({ registryMaxAgentAgeMs: 3_600_000, registryMaxAgentCount: 2 });
  for (let i = 0; i < 3; i++) {
    master.agent();
    master.operator({ type: 'MARK_AGENT_GONE', markAgentGone: { agentId: { value: `m-S${i}` } } });
  }
  expect([...master.state.goneAgents.keys()]).toEqual(['m-S1', 'm-S2']);
  master.pass(3_600_000 + 900_000);
  expect(master.state.goneAgents.size).toBe(0);
  expect([...master.registry.keys()].filter((id) => id.startsWith('m-S'))).toEqual([]);
});

test('lost agents are removed one at a time where that is limited, and who answers meanwhile is spared', () => {
  const master = new MasterHarness({ agentRemovalIntervalMs: 600_000 });
  const agents = [master.agent(), master.agent(), master.agent()];
  const known = () => [...master.state.agents.keys()];
  master.pass(75_000);
  expect(known()).toEqual(['m-S1', 'm-S2']);
  master.pass(300_000);
  agents[1]!.call({ type: 'pong' });
  master.pass(300_000);
  expect(known()).toEqual(['m-S1', 'm-S2']);
  expect(master.state.counts.get('slave_unreachable_canceled')).toBe(1);
  master.pass(600_000, [agents[1]!]);
  expect(known()).toEqual(['m-S1']);
  expect(master.state.counts.get('slave_unreachable_scheduled')).toBe(3);
  expect(master.state.counts.get('slave_unreachable_completed')).toBe(2);
});

test('agents of an earlier master that stay away are removed no faster', () => {
  const before = ['a', 'b'].map((id) => ({
    op: 'putAgent' as const,
    id: asId<AgentId>(id),
    record: { fate: 'admitted' as const, info: { hostname: id, id: { value: id } }, sinceMs: 0 },
  }));
  const master = new MasterHarness({ agentRemovalIntervalMs: 60_000 }, before);
  master.pass(600_000);
  expect([...master.state.recoveredAgents.keys()]).toEqual(['b']);
  master.pass(60_000);
  expect(master.state.recoveredAgents.size).toBe(0);
  expect(master.state.unreachableAgents.size).toBe(2);
});

test.each([
  [0.5, 1, 0],
  [0.4, 0, 1],
  [0, 0, 1],
])(
  'with %d of the agents that may stay away %i of one that does is removed',
  (recoveryAgentRemovalLimit, removed, ended) => {
    const before = ['a', 'b'].map((id) => ({
      op: 'putAgent' as const,
      id: asId<AgentId>(id),
      record: { fate: 'admitted' as const, info: { hostname: id, id: { value: id } }, sinceMs: 0 },
    }));
    const master = new MasterHarness({ recoveryAgentRemovalLimit }, before);
    const back = master.agent(undefined, { agentInfo: { hostname: 'a', id: { value: 'a' } } });
    master.pass(600_000, [back]);
    expect(master.state.unreachableAgents.size).toBe(removed);
    expect(master.effects.filter(({ type }) => type === 'fail')).toHaveLength(ended);
  },
);
