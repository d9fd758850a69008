import { asId } from '@mezzo/sdk/contract';
import { expect, test } from 'vitest';
import { MasterHarness } from '../../../tests/support/master-harness.js';
import { explainFramework } from './explain.js';

const listed = (master: MasterHarness, ...hosts: string[]) => master.dispatch({ type: 'whitelistChanged', hosts });
const offered = (master: MasterHarness): string[] =>
  [...master.state.offers.values()].map(({ agentId }) => agentId).sort();

test('only agents of listed hosts are offered; what was offered of others is taken back', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const [a, b] = ['a', 'b'].map((hostname) => master.agent(undefined, { agentInfo: { hostname } }));
  expect(offered(master)).toEqual([a!.id, b!.id]);
  listed(master, 'a', 'nobody');
  expect(offered(master)).toEqual([a!.id]);
  expect(scheduler.types.at(-1)).toBe('RESCIND');
  listed(master);
  expect(offered(master)).toEqual([]);
  master.dispatch({ type: 'whitelistChanged', hosts: undefined });
  expect(offered(master)).toEqual([a!.id, b!.id]);
});

test('an agent that is not listed joins, comes back and is reactivated without being offered, and it is said why', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  listed(master, 'other');
  const agent = master.agent();
  const agentId = { value: agent.id! };
  master.operator({ type: 'DEACTIVATE_AGENT', deactivateAgent: { agentId } });
  master.operator({ type: 'REACTIVATE_AGENT', reactivateAgent: { agentId } });
  expect(offered(master)).toEqual([]);
  const framework = master.state.frameworks.get(asId(scheduler.id))!;
  const query = { role: undefined, agentId: undefined, examples: 1 };
  const [role] = explainFramework(master.state, framework, query);
  expect(role!.findings.map(({ reason }) => reason)).toEqual(['NOT_LISTED']);
});

test('one that is listed while an operator has it out of use stays out of use', () => {
  const master = new MasterHarness();
  master.scheduler();
  const agent = master.agent();
  listed(master, 'other');
  master.operator({ type: 'DEACTIVATE_AGENT', deactivateAgent: { agentId: { value: agent.id! } } });
  master.dispatch({ type: 'whitelistChanged', hosts: undefined });
  expect(offered(master)).toEqual([]);
  master.operator({ type: 'REACTIVATE_AGENT', reactivateAgent: { agentId: { value: agent.id! } } });
  expect(offered(master)).toEqual([agent.id]);
});
