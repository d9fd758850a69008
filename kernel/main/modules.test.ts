import { expect, test } from 'vitest';
import { Resources } from '../core/resources/index.js';
import { agentFlags } from './agent-flags.js';
import { loadFlags } from './flags.js';
import { builtIns, oversubscribe, parseModules } from './modules.js';

const FIXED = 'org_apache_mesos_FixedResourceEstimator';
const LOAD = 'org_apache_mesos_LoadQoSController';
const module = (name: string, ...parameters: [key: string, value: string][]) => ({
  ...{ name, parameters: parameters.map(([key, value]) => ({ key, value })) },
});

test('parameters of what is built in are read, from lists or without', () => {
  const one = {
    libraries: { file: '/x.so', modules: { name: FIXED, parameters: { key: 'resources', value: 'cpus:14' } } },
  };
  const read = parseModules(JSON.stringify(one));
  expect([String(Resources.of(read.resources)), read.load5]).toEqual(['cpus:14', undefined]);
  const bounds = module(LOAD, ['load_threshold_5min', '6.5'], ['load_threshold_15min', '4']);
  const many = { libraries: [{ modules: [bounds] }, { modules: [module(FIXED, ['resources', 'cpus:1'])] }] };
  expect(parseModules(JSON.stringify(many))).toMatchObject({ load5: 6.5, load15: 4 });
});

test.each([
  [module('org_other_Thing'), /'org_other_Thing' is native code, which is not loaded: .*Fixed.* are built in/],
  [module(FIXED, ['cpus', '1']), /'cpus' is no parameter of org_apache_mesos_Fixed.*: it has resources/],
  [module(FIXED, ['resources', 'cpus:x']), /x/],
  [module(LOAD, ['load_threshold_5min', 'high']), /'load_threshold_5min' is 'high': it must be a number/],
])('%j is refused, and the flag is named', (one, words) => {
  const argv = [`--modules=${JSON.stringify({ libraries: [{ modules: [one] }] })}`];
  expect(() => loadFlags(agentFlags, { argv, env: {} })).toThrow(words);
  expect(() => loadFlags(agentFlags, { argv, env: {} })).toThrow(/--modules/);
});

test('who is wanted is started once somebody brings it; who is not there is still wanted', () => {
  const started: string[] = [];
  const oversubscription = {
    estimate: ({ name }: { name: string }) => started.push(name),
    control: ({ name }: { name: string }) => started.push(name),
  } as never;
  const flags = { resource_estimator: 'own', qos_controller: LOAD };
  const wanted = oversubscribe(oversubscription, flags, builtIns(undefined));
  expect([started, wanted]).toEqual([[LOAD], { resource_estimator: 'own', qos_controller: undefined }]);
  const own = { name: 'own', oversubscribable: () => [] };
  const left = oversubscribe(oversubscription, wanted, { estimators: [own], controllers: [] });
  expect([started, Object.values(left).filter(Boolean)]).toEqual([[LOAD, 'own'], []]);
});
