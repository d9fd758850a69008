import type { TaskStatus } from '@mezzo/sdk/api';
import { afterAll, expect, test } from 'vitest';
import type { AgentTask } from '../../kernel/core/protocol.js';
import { until } from '../support/poll.js';
import {
  ask,
  ScriptedAgent,
  startTestMaster,
  subscribe,
  type Subscription,
  type TestMaster,
} from './master-support.js';
import { Session, SHARES, TestFramework, WORK, type Event } from './session-support.js';

/**
 * An agent that falls silent and comes back, before and after the master is restarted, and is gone in the end: told to a framework that
 * knows partitions, and to one that does not.
 */
const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

const FLAGS = ['--hostname=localhost', '--agent_ping_timeout=1secs', '--max_agent_ping_timeouts=2'];
const NAMES = ['aware', 'unaware'] as const;
const abilities = { aware: ['MULTI_ROLE', 'PARTITION_AWARE'], unaware: ['MULTI_ROLE'] };
const info = (name: string) => ({ user: 'root', name, roles: [name], checkpoint: true, failover_timeout: 600 });
const uuids = { aware: 'aware-2222222222', unaware: 'other-2222222222' };

const amounts = (role: string) =>
  [
    ['cpus', 0.1],
    ['mem', 32],
  ].map(([name, value]) => ({
    ...{ name: name as string, type: 'SCALAR' as const, scalar: { value: value as number } },
    allocationInfo: { role },
  }));

class Lost {
  readonly frameworks = new Map<string, TestFramework>();
  readonly session: Session;
  private readonly tasks: AgentTask[] = [];

  constructor(
    readonly played: { master: TestMaster },
    private agent: ScriptedAgent,
    private readonly id: string,
  ) {
    this.session = new Session(played);
  }

  async subscribe(name: (typeof NAMES)[number]): Promise<TestFramework> {
    const id = await this.frameworks.get(name)?.id();
    const { daemon } = this.played.master;
    const framework = await TestFramework.subscribe(daemon, { ...info(name), ...(id && { id }) }, {}, abilities[name]);
    this.frameworks.set(name, framework);
    closing.push(() => framework.stream.close());
    return framework;
  }

  async launch(name: (typeof NAMES)[number]): Promise<void> {
    const framework = await this.subscribe(name);
    const [resources, ids] = [amounts(name), { task_id: { value: `t-${name}` }, agent_id: { value: this.id } }];
    const said = resources.map(({ allocationInfo, ...rest }) => ({ ...rest, allocation_info: allocationInfo }));
    await framework.launch({ ...ids, name: `t-${name}`, command: { value: 'sleep 600' }, resources: said });
    const status: TaskStatus = {
      ...{ taskId: { value: `t-${name}` }, state: 'TASK_RUNNING', source: 'SOURCE_EXECUTOR', timestamp: 1.5 },
      uuid: Buffer.from(uuids[name]).toString('base64'),
    };
    const frameworkId = (await framework.id()).value;
    await this.agent.call({ type: 'statusUpdate', frameworkId, status, latestState: status.state });
    await framework.hears('TASK_RUNNING');
    await framework.call('SUPPRESS');
    const task = { name: `t-${name}`, taskId: status.taskId, agentId: { value: this.id }, resources };
    this.tasks.push({ frameworkId, info: task, state: status.state, statuses: [status] });
  }

  async back(): Promise<void> {
    const { id, tasks } = this;
    this.agent = await ScriptedAgent.start(this.played.master.daemon, { id, tasks });
    await this.agent.of('registered');
  }

  async views(step: string, names: readonly string[]): Promise<void> {
    for (const name of names) await this.session.view(step, name);
  }

  async reconciles(step: string, ...states: string[]): Promise<void> {
    for (const [index, [name, framework]] of [...this.frameworks].entries()) {
      const tasks = [{ task_id: { value: `t-${name}` }, agent_id: { value: this.id } }];
      const json = await framework.said('RECONCILE', { tasks });
      await this.session.master(`${step}: ${name}`, '/api/v1/scheduler', json, { headers: framework.headers });
      await framework.hears(states[index]!);
    }
  }

  async restart(): Promise<void> {
    const { master } = this.played;
    await master.daemon.close();
    this.played.master = await startTestMaster(['--hostname=localhost'], master.workDir);
  }
}

test('answers and events are those of Mesos', { timeout: 30_000 }, async () => {
  const first = await startTestMaster(FLAGS);
  closing.push(first.close);
  const agent = await ScriptedAgent.start(first.daemon);
  const { agentId } = await agent.of('registered');
  const played = { master: first };
  closing.push(() => played.master.daemon.close());
  const lost = new Lost(played, agent, agentId);
  const listen = async (): Promise<Subscription<Event>> =>
    subscribe<Event>(played.master.daemon, '/api/v1', { type: 'SUBSCRIBE' });
  const operator = await listen();
  for (const name of NAMES) await lost.launch(name);
  for (const [name, framework] of lost.frameworks)
    await framework.hears(name === 'aware' ? 'TASK_UNREACHABLE' : 'TASK_LOST');
  await lost.views('unreachable', [...SHARES, ...WORK]);
  await lost.reconciles('unreachable', 'TASK_UNREACHABLE', 'TASK_LOST');
  await lost.back();
  for (const framework of lost.frameworks.values()) await framework.hears('TASK_RUNNING');
  await lost.views('back', [...SHARES, ...WORK]);
  await lost.reconciles('back', 'TASK_RUNNING', 'TASK_RUNNING');
  await lost.restart();
  await lost.views('the master is back', ['/state', '/frameworks', 'GET_AGENTS', 'GET_FRAMEWORKS', 'GET_TASKS']);
  const again = await listen();
  await lost.back();
  await lost.views('the agent is back', [...SHARES, ...WORK]);
  for (const name of NAMES) await lost.subscribe(name);
  await lost.reconciles('all are back', 'TASK_RUNNING', 'TASK_RUNNING');
  const gone = { type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: agentId } } };
  await lost.session.master('gone', '/api/v1', gone);
  for (const [name, framework] of lost.frameworks)
    await framework.hears(name === 'aware' ? 'TASK_GONE_BY_OPERATOR' : 'TASK_LOST');
  await until('no agent', async () => (await ask(played.master.daemon, '/slaves')).text.includes('"slaves":[]'));
  await lost.views('gone', [...SHARES, ...WORK]);
  await lost.reconciles('gone', 'TASK_GONE_BY_OPERATOR', 'TASK_LOST');
  for (const [name, { stream }] of lost.frameworks) lost.session.stream(stream, `what ${name} heard`);
  lost.session.stream(operator, 'what the first operator heard');
  lost.session.stream(again, 'what the second operator heard');
  again.close();
  expect(operator.ended).toBe(true);
  await lost.session.matches('agent-lost');
});
