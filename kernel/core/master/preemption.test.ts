import type { Request, TaskInfo } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import {
  MasterHarness,
  resources,
  task,
  type TestAgent,
  type TestScheduler,
} from '../../../tests/support/master-harness.js';
import type { MasterOptions } from './options.js';
import { priorityOf } from './priorities.js';

const priorities = (master: MasterHarness, wanted: Record<string, number | undefined>) => {
  const request = master.request();
  master.dispatch({ type: 'prioritiesSet', request, priorities: new Map(Object.entries(wanted)) });
  return master.reply(request)!;
};

/** Roles `prod` above `web` above `spare`, and agents of 4 cpus that are full of tasks of `web` of 1 cpu each. */
function cluster(agents = 1, more: Partial<MasterOptions> = {}, info: Partial<TaskInfo> = {}) {
  const master = new MasterHarness({ placeRequests: true, preemption: true, ...more });
  priorities(master, { prod: 100, spare: -1 });
  const web = master.scheduler({ roles: ['web'] });
  const full = Array.from({ length: agents }, (_, i) => fill(master, web, i, info));
  web.call({ type: 'SUPPRESS' });
  const prod = master.scheduler({ roles: ['prod'] });
  prod.call({ type: 'SUPPRESS' });
  return { master, web, agents: full, prod };
}

function fill(master: MasterHarness, scheduler: TestScheduler, index: number, info: Partial<TaskInfo> = {}): TestAgent {
  const agent = master.agent('cpus:4;mem:4096');
  const offer = scheduler.offers.at(-1)!;
  const tasks = [0, 1, 2, 3].map((i) => task(`t${index}${i}`, offer, 'cpus:1;mem:1024', info));
  scheduler.launch([offer], ...tasks);
  for (const { taskId } of tasks) agent.update(scheduler.id, taskId.value, 'TASK_RUNNING');
  return agent;
}

const ask = (scheduler: TestScheduler, ...texts: (string | Request)[]) =>
  scheduler.call({
    type: 'REQUEST',
    request: { requests: texts.map((text) => (typeof text === 'string' ? { resources: resources(text) } : text)) },
  });
const killed = (agent: TestAgent) => agent.of('killTask').map(({ taskId }) => taskId);
const offered = (scheduler: TestScheduler) =>
  scheduler.offers.map(({ resources: list }) => list?.find(({ name }) => name === 'cpus')?.scalar?.value);

test('the newest of what runs below gives way, and what it held goes to nobody else', () => {
  const { master, web, agents, prod } = cluster();
  const [agent] = agents as [TestAgent];
  ask(prod, 'cpus:1.5;mem:64');
  expect(agent.of('killTask')).toMatchObject([
    { taskId: 't02', preemptedFor: 'prod' },
    { taskId: 't03', preemptedFor: 'prod' },
  ]);
  web.call({ type: 'REVIVE' });
  agent.update(web.id, 't03', 'TASK_KILLED');
  expect(prod.offers).toEqual([]);
  agent.update(web.id, 't02', 'TASK_KILLED');
  expect(offered(prod)).toEqual([1.5]);
  expect(offered(web).slice(1)).toEqual([undefined, 0.5]);
  prod.launch([prod.offers[0]!], task('p', prod.offers[0]!, 'cpus:1.5;mem:64'));
  expect(master.state.claims.size).toBe(0);
  expect(master.state.counts.get('tasks_preempted')).toBe(2);
});

test('who is not above, or where nothing is switched on, makes nobody give way', () => {
  const { master, prod, agents } = cluster();
  const spare = master.scheduler({ roles: ['spare'] });
  ask(spare, 'cpus:1');
  priorities(master, { web: 100 });
  ask(prod, 'cpus:1');
  const off = cluster(1, { preemption: false });
  ask(off.prod, 'cpus:1');
  expect([...killed(agents[0]!), ...killed(off.agents[0]!)]).toEqual([]);
});

test('what can never fit ends nothing', () => {
  const { master, prod, agents } = cluster();
  ask(prod, 'cpus:5', 'cpus:1;disk:1', 'cpus:1;ports:[1-2]', {
    agentId: { value: 'no' },
    resources: resources('cpus:1'),
  });
  const quotaConfigs = [{ role: 'prod', limits: { cpus: { value: 2 } } }];
  master.operator({ type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs } });
  ask(prod, 'cpus:3');
  expect(killed(agents[0]!)).toEqual([]);
});

test('asked again it is the same, and asked for no more it is dropped', () => {
  const { master, prod, agents } = cluster(2);
  const all = () => agents.flatMap(killed);
  ask(prod, 'cpus:1');
  ask(prod, 'cpus:1');
  expect(all()).toHaveLength(1);
  ask(prod, 'cpus:1', 'cpus:1');
  expect(all()).toHaveLength(2);
  expect(master.state.claims.size).toBe(2);
  const before = [...master.state.claims.values()];
  ask(prod, 'cpus:2');
  expect([...master.state.claims.values()].map(({ resources: bag }) => bag.scalar('cpus'))).toEqual([2000]);
  expect(before).not.toContain([...master.state.claims.values()][0]);
  expect(all()).toHaveLength(3);
});

test('an offer that the framework has not answered is what it asks for', () => {
  const { web, prod, agents } = cluster();
  ask(prod, 'cpus:1');
  agents[0]!.update(web.id, 't03', 'TASK_KILLED');
  expect(prod.offers).toHaveLength(1);
  ask(prod, 'cpus:1');
  expect(killed(agents[0]!)).toEqual(['t03']);
});

test('offers go before tasks, the lowest before the low, and fewer before more', () => {
  const { master, web, agents, prod } = cluster(2);
  agents[1]!.update(web.id, 't11', 'TASK_FINISHED');
  const spare = master.scheduler({ roles: ['spare'] });
  expect(offered(spare)).toEqual([1]);
  ask(prod, 'cpus:1');
  expect(spare.types).toContain('RESCIND');
  expect([offered(prod), agents.flatMap(killed)]).toEqual([[1], []]);
  prod.launch([prod.offers[0]!], task('p', prod.offers[0]!, 'cpus:1'));
  agents[0]!.update(web.id, 't00', 'TASK_FINISHED');
  const [offer] = spare.offers.slice(-1);
  spare.launch([offer!], task('s', offer!, 'cpus:1;mem:64'));
  ask(prod, 'cpus:1');
  expect(agents.flatMap(killed)).toEqual(['s']);
});

test('who holds several is spared when one is enough', () => {
  const { master, prod } = cluster(0);
  const web = master.scheduler({ roles: ['web'] });
  const agent = master.agent('cpus:4;mem:4096');
  const [offer] = web.offers;
  web.launch([offer!], task('big', offer!, 'cpus:3;mem:64'), task('small', offer!, 'cpus:1;mem:64'));
  ask(prod, 'cpus:3');
  expect(killed(agent)).toEqual(['big']);
});

test('nobody falls below a guarantee, and reservations are had by right', () => {
  const { master, prod, agents } = cluster();
  const cpus = { cpus: { value: 3 } };
  const quotaConfigs = [{ role: 'web', guarantees: cpus }];
  master.operator({ type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs } });
  ask(prod, 'cpus:2');
  expect(killed(agents[0]!)).toEqual([]);
  ask(prod, 'cpus:1');
  expect(killed(agents[0]!)).toHaveLength(1);
});

test('tasks of a pod give way together, and its executor counts', () => {
  const { master, prod } = cluster(0);
  const web = master.scheduler({ roles: ['web'] });
  const agent = master.agent('cpus:4;mem:4096;disk:100');
  const [offer] = web.offers;
  const executor = {
    type: 'DEFAULT',
    executorId: { value: 'e' },
    resources: resources('cpus:1;mem:32;disk:1'),
  } as const;
  const tasks = ['a', 'b'].map((id) => task(id, offer!, 'cpus:1.5;mem:64'));
  const launchGroup = { executor, taskGroup: { tasks } };
  web.call({ type: 'ACCEPT', accept: { offerIds: [offer!.id], operations: [{ type: 'LAUNCH_GROUP', launchGroup }] } });
  ask(prod, 'cpus:4');
  expect(killed(agent)).toEqual(['a', 'b']);
  for (const id of ['a', 'b']) agent.update(web.id, id, 'TASK_KILLED');
  expect(prod.offers).toEqual([]);
  agent.call({ type: 'executorExited', frameworkId: web.id, executorId: 'e', status: 0 });
  expect(offered(prod)).toEqual([4]);
});

test.each<[string, (world: ReturnType<typeof cluster>) => void]>([
  ['its framework goes', ({ prod }) => prod.disconnect()],
  ['its framework is removed', ({ prod }) => prod.call({ type: 'TEARDOWN' })],
  ['its agent goes', ({ agents }) => agents[0]!.disconnect()],
  [
    'its agent is taken out of use',
    ({ master, agents }) =>
      master.operator({ type: 'DEACTIVATE_AGENT', deactivateAgent: { agentId: { value: agents[0]!.id! } } }),
  ],
  [
    'its role gets a quota',
    ({ master }) =>
      master.operator({
        type: 'UPDATE_QUOTA',
        updateQuota: { quotaConfigs: [{ role: 'prod', limits: { cpus: { value: 0.5 } } }] },
      }),
  ],
  ['it takes too long', ({ master, agents }) => master.pass(60_000, agents)],
])('a claim is dropped when %s, and what was freed for it is everybody’s', (_, happen) => {
  const world = cluster();
  const { master, web, prod, agents } = world;
  ask(prod, 'cpus:1');
  happen(world);
  expect(master.state.claims.size).toBe(0);
  web.call({ type: 'REVIVE' });
  agents[0]!.update(web.id, 't03', 'TASK_KILLED');
  expect(prod.offers).toEqual([]);
});

test('an agent that comes back is told again, and a long grace is cut', () => {
  const { web, prod, agents } = cluster(1, {}, { killPolicy: { gracePeriod: { nanoseconds: 600_000_000_000n } } });
  ask(prod, 'cpus:1');
  const [agent] = agents as [TestAgent];
  const kill = { preemptedFor: 'prod', killPolicy: { gracePeriod: { nanoseconds: 30_000_000_000n } } };
  expect(agent.of('killTask')).toMatchObject([kill]);
  agent.disconnect();
  agent.subscribe({
    tasks: ['t00', 't01', 't02', 't03'].map((id) => ({
      ...{ frameworkId: web.id, state: 'TASK_RUNNING', statuses: [] },
      info: task(id, { agentId: { value: agent.id! } }, 'cpus:1;mem:1024'),
    })),
  });
  expect(agent.of('killTask')).toMatchObject([{ taskId: 't03', ...kill }]);
});

test('priorities are kept over a change of masters, are had from above, and are checked all or nothing', () => {
  const master = new MasterHarness();
  expect(priorities(master, { a: 5, 'a/b': 0, c: -3 })).toMatchObject({ status: 200 });
  expect(priorities(master, { a: 7, c: 0.5 })).toMatchObject({ status: 400, text: expect.stringContaining("'c'") });
  expect(priorities(master, { a: 2e9 })).toMatchObject({ status: 400, text: expect.stringContaining('2000000000') });
  expect(priorities(master, { '/a': 1 })).toMatchObject({ status: 400 });
  expect(priorities(master, { c: undefined })).toMatchObject({ status: 200 });
  const writes = master.effects.flatMap((effect) => (effect.type === 'persist' ? effect.writes : []));
  const { state } = new MasterHarness({}, writes);
  expect(['a', 'a/x', 'a/b', 'a/b/y', 'c', 'd'].map((role) => priorityOf(state, role))).toEqual([5, 5, 0, 0, -3, 0]);
});
