import type { AgentInfo, SchedulerAttributeConstraint, SchedulerOfferConstraints } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { frameworkInfo, MasterHarness } from '../../../tests/support/master-harness.js';
import { offerFilter } from './offer-constraints.js';

const AGENT: AgentInfo = {
  hostname: 'node-1',
  attributes: [
    { name: 'rack', type: 'TEXT', text: { value: 'r1' } },
    { name: 'level', type: 'SCALAR', scalar: { value: 3 } },
  ],
  domain: { faultDomain: { region: { name: 'north' }, zone: { name: 'a' } } },
};
type Predicate = SchedulerAttributeConstraint['predicate'];
const on = (attributeName: string, predicate: Predicate): SchedulerAttributeConstraint => ({
  selector: { attributeName },
  predicate,
});
const host = (predicate: Predicate): SchedulerAttributeConstraint => ({
  selector: { pseudoattributeType: 'HOSTNAME' },
  predicate,
});
const web = (...groups: SchedulerAttributeConstraint[][]): SchedulerOfferConstraints => ({
  roleConstraints: { web: { groups: groups.map((attributeConstraints) => ({ attributeConstraints })) } },
});
const equals = (value: string): Predicate => ({ textEquals: { value } });
const differs = (value: string): Predicate => ({ textNotEquals: { value } });

test.each<[SchedulerAttributeConstraint, boolean]>([
  [on('rack', { exists: {} }), true],
  [on('row', { exists: {} }), false],
  [on('rack', { notExists: {} }), false],
  [on('row', { notExists: {} }), true],
  [on('rack', equals('r1')), true],
  [on('rack', equals('r2')), false],
  [on('row', equals('r1')), false],
  [on('rack', differs('r1')), false],
  [on('rack', differs('r2')), true],
  [on('row', differs('r1')), true],
  [on('rack', { textMatches: { regex: 'r[0-9]' } }), true],
  [on('rack', { textMatches: { regex: 'r' } }), false],
  [on('row', { textMatches: { regex: '.*' } }), false],
  [on('rack', { textNotMatches: { regex: 'r.*' } }), false],
  [on('row', { textNotMatches: { regex: '.*' } }), true],
  [on('level', { textNotMatches: { regex: '.*' } }), true],
  // What is no text passes every test of texts.
  [on('level', equals('3')), true],
  [on('level', differs('3')), true],
  [host(equals('node-1')), true],
  [host(differs('node-1')), false],
  [{ selector: { pseudoattributeType: 'REGION' }, predicate: equals('north') }, true],
  [{ selector: { pseudoattributeType: 'ZONE' }, predicate: equals('b') }, false],
])('%j is %s', (constraint, holds) => {
  expect(offerFilter(web([constraint]))('web', AGENT)).toBe(holds);
});

test('one group is enough, in which all must hold; other roles are free', () => {
  const [yes, no] = [host(equals('node-1')), host(equals('node-2'))];
  expect(offerFilter(web([no], [yes]))('web', AGENT)).toBe(true);
  expect(offerFilter(web([yes, no]))('web', AGENT)).toBe(false);
  expect(offerFilter(web([no]))('ads', AGENT)).toBe(true);
});

function subscribe(master: MasterHarness, offerConstraints: SchedulerOfferConstraints | undefined) {
  const connection = master.connection();
  const call = { frameworkInfo: frameworkInfo(), ...(offerConstraints && { offerConstraints }) };
  master.dispatch({ type: 'schedulerSubscribed', connection, call, principal: undefined });
  return connection;
}

test('a framework is offered only agents that it wants, until it wants others', () => {
  const master = new MasterHarness();
  for (const hostname of ['a', 'b', 'c']) master.agent(undefined, { agentInfo: { hostname, port: 5051 } });
  const connection = subscribe(master, web([host(equals('b'))]));
  const hosts = () => [...master.state.offers.values()].map(({ message }) => message.hostname).sort();
  expect(hosts()).toEqual(['b']);
  const [id] = master.state.frameworks.keys();
  const frameworkId = { value: id! };
  const update = (offerConstraints?: SchedulerOfferConstraints) => {
    const request = master.request();
    const updateFramework = {
      frameworkInfo: frameworkInfo({ id: frameworkId }),
      ...(offerConstraints && { offerConstraints }),
    };
    const call = { type: 'UPDATE_FRAMEWORK' as const, frameworkId, updateFramework };
    master.dispatch({ type: 'schedulerCalled', request, call, connection });
    return master.reply(request)!.status;
  };
  expect(update(web([host(equals('b'))], [host(equals('c'))]))).toBe(200);
  expect(hosts()).toEqual(['b', 'c']);
  expect(update(web([]))).toBe(400);
  expect(hosts()).toEqual(['b', 'c']);
  expect(update()).toBe(200);
  expect(hosts()).toEqual(['a', 'b', 'c']);
});

test.each<[SchedulerOfferConstraints, string]>([
  [{ roleConstraints: { ads: {} } }, "for a role 'ads', not contained in the set of roles"],
  [{ roleConstraints: { web: {} } }, "an empty 'RoleConstraints::groups' for role web"],
  [web([]), 'contains an empty RoleConstraints::Group'],
  [web([{ selector: {}, predicate: { exists: {} } }]), 'must be set'],
  [web([{ selector: { pseudoattributeType: 'UNKNOWN' }, predicate: { exists: {} } }]), 'Unknown pseudoattribute type'],
  [web([on('rack', {})]), 'Unknown predicate type'],
  [web([on('rack', { textMatches: { regex: '(a' } })]), "Failed to construct regex from pattern '(a' at 3"],
])('%j is refused', (constraints, words) => {
  const master = new MasterHarness();
  const events = master.sentTo(subscribe(master, constraints));
  expect(events).toMatchObject([{ type: 'ERROR', error: { message: expect.stringContaining(words) as string } }]);
});
