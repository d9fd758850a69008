import { describe, expect, test } from 'vitest';
import { Resources } from '../core/resources/index.js';
import type { HostFacts } from '../shell/agent/host-facts.js';
import { agentConfig, offeredResources } from './agent-config.js';
import { agentFlags, idleAgentFlags } from './agent-flags.js';
import { loadFlags, showFlags } from './flags.js';
import { idleGiven } from './shared-flags.js';

const flags = (...argv: string[]) => loadFlags(agentFlags, { argv, env: {} });
const facts: HostFacts = { cpus: 4, memMib: 8192, diskMib: 100_000, user: 'me', isRoot: false, bootId: 'b' };
const offered = (...argv: string[]) => Resources.of(offeredResources(flags(...argv), facts)).toString();
const config = (...argv: string[]) =>
  agentConfig(flags(...argv), { workDir: '/w', port: 5051, facts, containerizers: ['mesos'] });

describe('resources', () => {
  test('are what the machine has, less what it needs itself', () => {
    expect(offered()).toBe('cpus:4; mem:7168; disk:94880; ports:[31000-32000]');
  });

  test('that the operator names go before what is detected', () => {
    expect(offered('--resources=cpus:1.5;ports:[1-5];gpus:1')).toBe(
      'cpus:1.5; gpus:1; mem:7168; disk:94880; ports:[1-5]',
    );
    const json = '[{"name":"cpus","type":"SCALAR","scalar":{"value":3}}]';
    expect(offered(`--resources=${json}`)).toContain('cpus:3;');
    expect(() => flags('--resources=cpus')).toThrowError(/--resources/);
  });

  test('of a small machine are at least half of it', () => {
    const small = { ...facts, memMib: 1000, diskMib: 2000 };
    expect(Resources.of(offeredResources(flags(), small)).toString()).toContain('mem:500; disk:1000;');
  });

  test('move their ports with --port-offset', () => {
    expect(offered('--port-offset=100')).toContain('ports:[31100-32100]');
    expect(offered('--port-offset=100', '--resources=ports:[1-2]')).toContain('ports:[1-2]');
  });

  test('are reserved for one role on demand, save what is reserved already', () => {
    const text = offered('--default_role=db', '--resources=cpus(web):1;cpus:1');
    expect(text).toContain('cpus(reservations: [(STATIC,db)]):1');
    expect(text).toContain('cpus(reservations: [(STATIC,web)]):1');
    expect(() => offered('--default_role=a b')).toThrowError(expect.objectContaining({ code: 'INVALID_FLAG' }));
  });
});

test('a public agent reserves everything for slave_public and says that it is public', () => {
  const { resources, attributes } = config('--public');
  expect(Resources.of(resources).unreserved().isEmpty).toBe(true);
  expect(Resources.of(resources).reserved('slave_public').scalar('cpus')).toBe(4000);
  expect(attributes).toEqual([{ name: 'public_ip', type: 'TEXT', text: { value: 'true' } }]);
});

test('names come from the work directory and the address, unless they are given', () => {
  expect(config().owner).toMatch(/^[0-9a-f]{8}$/);
  expect(config('--owner=c1-a0').owner).toBe('c1-a0');
  expect(() => config('--owner=../x')).toThrowError(/--owner/);
  expect(config().hostname).toBe('localhost');
  expect(config('--ip=127.0.0.2')).toMatchObject({ hostname: '127.0.0.2', ip: '127.0.0.2' });
  expect(config('--hostname=n1', '--advertise_ip=10.0.0.9')).toMatchObject({ hostname: 'n1', ip: '10.0.0.9' });
});

test('only root runs tasks as others', () => {
  expect(config().switchUser).toBe(false);
  const place = { workDir: '/w', port: 1, facts: { ...facts, isRoot: true }, containerizers: [] };
  expect(agentConfig(flags(), place).switchUser).toBe(true);
  expect(agentConfig(flags('--no-switch_user'), place).switchUser).toBe(false);
});

test('flags of the field without effect are accepted and named; unknown ones are not', () => {
  expect(
    idleGiven(idleAgentFlags, flags('--isolation=cgroups/cpu', '--no-cgroups_enable_cfs', '--work_dir=/w')),
  ).toEqual(['cgroups_enable_cfs', 'isolation']);
  expect(idleGiven(idleAgentFlags, flags())).toEqual([]);
  expect(() => flags('--work_dri=/w')).toThrowError(expect.objectContaining({ next: 'did you mean --work_dir?' }));
});

test('what may be secret is not shown', () => {
  const given = flags('--executor_environment_variables={"A":"hush"}', '--credential=hush', '--attributes=a:b;l:1.5');
  const shown = showFlags(agentFlags, given);
  expect(JSON.stringify(shown)).not.toContain('hush');
  expect(shown).toMatchObject({ attributes: 'a:b;l:1.5', gc_delay: '1weeks' });
});

test('others may know the agent by another port and name than its own', () => {
  expect(config('--advertise_port=7777', '--no-hostname_lookup')).toMatchObject({ port: 7777, hostname: '127.0.0.1' });
  const domain = '{"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}}';
  expect(config(`--domain=${domain}`).domain).toEqual({ faultDomain: { region: { name: 'r' }, zone: { name: 'z' } } });
});
