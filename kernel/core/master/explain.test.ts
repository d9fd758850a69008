import { expect, test } from 'vitest';
import { asId, type AgentId } from '@mezzo/sdk/contract';
import { MasterHarness, MULTI_ROLE, type TestScheduler } from '../../../tests/support/master-harness.js';
import { explainFramework, type ExplainQuery } from './explain.js';

const explained = ({ state }: MasterHarness, scheduler: TestScheduler, query: Partial<ExplainQuery> = {}) =>
  explainFramework(state, state.frameworks.get(asId(scheduler.id))!, {
    ...{ role: undefined, agentId: undefined, examples: 3 },
    ...query,
  });
const reasons = (master: MasterHarness, scheduler: TestScheduler) =>
  explained(master, scheduler)[0]!.findings.map(({ reason, agents }) => `${reason} ${agents}`);

test('agents are counted by reason, most first, with some of them by name', () => {
  const master = new MasterHarness();
  const [first, second] = [master.scheduler(), master.scheduler()];
  const agents = Array.from({ length: 6 }, () => master.agent());
  for (const agent of agents.slice(0, 3)) master.operator({ type: 'DEACTIVATE_AGENT', deactivateAgent: about(agent) });
  agents[3]!.disconnect();
  const [{ findings, offers }] = explained(master, first, { examples: 2 }) as [ReturnType<typeof explained>[0]];
  expect(findings.map(({ reason, agents }) => `${reason} ${agents}`)).toEqual([
    'DEACTIVATED 3',
    'AGENT_AWAY 1',
    'OFFERED 1',
    'OFFERED_TO_OTHERS 1',
  ]);
  expect(findings[0]!.agentIds).toHaveLength(2);
  expect(offers).toBe(1);
  master.operator({ type: 'DRAIN_AGENT', drainAgent: about(agents[0]!) });
  expect(reasons(master, second)).toContain('DRAINING 1');
});

const about = ({ id }: { id: string | undefined }) => ({ agentId: { value: id! } });

test('one agent and one role can be asked for', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler({ roles: ['a', 'b'], capabilities: [MULTI_ROLE] });
  master.agent();
  const { id } = master.agent();
  const [only, ...more] = explained(master, scheduler, { role: 'b', agentId: asId<AgentId>(id!) });
  expect([only!.role, only!.findings.length, more.length]).toEqual(['b', 1, 0]);
});

test('offers that wait for agents after a failover are told from offers that come', () => {
  const record = { fate: 'admitted' as const, info: { hostname: 'h' }, sinceMs: 0 };
  const before = ['S1', 'S2'].map((id) => ({ op: 'putAgent' as const, id: asId<never>(id), record }));
  const quota = { role: 'web', guarantees: { cpus: { value: 1 } } };
  const master = new MasterHarness({ allocatorAgentRecoveryFactor: 1 }, [
    ...before,
    { op: 'putRole', id: 'web', record: { quota } },
  ]);
  const scheduler = master.scheduler();
  master.agent(undefined, { agentInfo: { hostname: 'h', id: { value: 'S1' } } });
  expect(reasons(master, scheduler)).toEqual(['RECOVERY_HOLD 1']);
});
