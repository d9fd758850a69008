import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterKey, verifyToken } from '@mezzo/sdk/secrets';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadFlags } from './flags.js';
import { createLog } from './log.js';
import { masterFlags, unsupportedMasterFlags } from './master-flags.js';
import { startMaster } from './master.js';

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'mezzo-main-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const flags = (...argv: string[]) => loadFlags(masterFlags, { argv, env: {}, unsupported: unsupportedMasterFlags });
const log = createLog({ daemon: 'master', level: 'ERROR', quiet: true });
const start = (...argv: string[]) => startMaster(flags(`--work_dir=${dir}`, ...argv), { log });

test('a port that is taken is named, and nothing stays behind', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  await expect(start(`--port=${port}`)).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining(`${port}`) as string,
  });
  other.close();
  const master = await start(`--port=${port}`);
  await master.close();
});

test('two masters do not share a work directory', async () => {
  const first = await start('--port=0');
  await expect(start('--port=0')).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  await first.close();
  const second = await start('--port=0');
  expect(second.epoch).toBeGreaterThan(first.epoch);
  await second.close();
  expect(existsSync(join(dir, 'secrets/cluster.key'))).toBe(true);
});

test('a master that is alone and healthy leads', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  await new Promise((resolve) => other.close(resolve));
  const starting = start(`--port=${port}`);
  const status = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      (answer) => answer.status,
      () => 0,
    );
  while ((await status('/health')) !== 200);
  expect(await status('/state')).toBe(200);
  await (await starting).close();
});

test('a master makes the token that admits its agents, and leaves one alone that is good', async () => {
  const token = () => readFileSync(join(dir, 'secrets/join.token'), 'utf8');
  await (await start('--port=0')).close();
  const made = token();
  expect(await verifyToken(clusterKey(join(dir, 'secrets')), made, 'agent')).toEqual({ uid: 'agent', scope: 'agent' });
  await (await start('--port=0')).close();
  expect(token()).toBe(made);
  writeFileSync(join(dir, 'secrets/join.token'), 'damaged');
  await (await start('--port=0')).close();
  await verifyToken(clusterKey(join(dir, 'secrets')), token(), 'agent');
});

test('what is not safe or not built is refused before anything is opened', async () => {
  await expect(start('--ip=0.0.0.0')).rejects.toMatchObject({ code: 'INSECURE_ADDRESS' });
  await expect(startMaster(flags(), { log })).rejects.toMatchObject({
    code: 'INVALID_FLAG',
    message: 'flag --work_dir is required',
  });
  expect(() =>
    loadFlags(masterFlags, { argv: [], env: { MESOS_HOOKS: 'h' }, unsupported: unsupportedMasterFlags }),
  ).toThrow(/hooks is not supported yet/);
  const modules = '{"libraries":[{"modules":[{"name":"com_example_Allocator"}]}]}';
  expect(() => flags(`--modules=${modules}`)).toThrow(/'com_example_Allocator' is native code, which is not loaded/);
});

test('weights, roles and minimal offers are checked as flags', () => {
  const given = flags('--weights=a=2,b/c=0.5', '--roles=a,b/c', '--min_allocatable_resources=cpus:1;mem:64|gpus:1');
  expect([...given.weights]).toEqual([
    ['a', 2],
    ['b/c', 0.5],
  ]);
  expect(given.roles).toEqual(['a', 'b/c']);
  expect(given.min_allocatable_resources).toEqual(['cpus:1;mem:64', 'gpus:1']);
  for (const bad of ['--weights=a=0', '--weights=/a=1', '--roles=a b', '--min_allocatable_resources=cpus']) {
    expect(() => flags(bad), bad).toThrow();
  }
});

test('endpoints that the firewall disables are 403, however they are written', async () => {
  const rules = '{"disabled_endpoints":{"paths":["/master/state","/files/browse"]}}';
  const master = await start('--port=0', `--firewall_rules=${rules}`);
  const status = async (path: string) => (await fetch(master.url + path)).status;
  expect(await status('/state')).toBe(403);
  expect(await status('//master/state/?x=1')).toBe(403);
  expect(await status('/files/browse?path=/master/log')).toBe(403);
  expect(await status('/state-summary')).toBe(200);
  await master.close();
  expect(() => flags('--firewall_rules={"disabled_endpoints":{"paths":"x"}}')).toThrow(/--firewall_rules/);
});

test('a registry in memory is gone with its master', async () => {
  const master = await start('--port=0', '--registry=in_memory');
  await master.close();
  expect(existsSync(join(dir, 'store'))).toBe(false);
});

test('an address may come from a command, which must print one', async () => {
  const master = await start('--port=0', '--ip_discovery_command=echo 127.0.0.5');
  expect(master.url).toMatch(/^http:\/\/127\.0\.0\.5:/);
  await master.close();
  for (const command of ['echo nonsense', 'exit 3'])
    await expect(start(`--ip_discovery_command=${command}`)).rejects.toMatchObject({
      code: 'INVALID_FLAG',
      message: expect.stringContaining('ip_discovery_command') as string,
    });
});

test('who shares resources out is the allocator, or by its name a policy that a plugin brings', () => {
  expect(flags('--allocator=HierarchicalDRF', '--role_sorter=drf').allocator).toBe('hierarchical');
  expect(flags('--allocator=first-come').allocator).toBe('first-come');
  for (const name of ['org_apache_Fair', '', 'a,b']) expect(() => flags(`--allocator=${name}`)).toThrow(/neither/);
});

test('roles and frameworks come in the order of shares, or by chance', () => {
  expect(flags()).toMatchObject({ role_sorter: 'drf', framework_sorter: 'drf' });
  expect(flags('--role_sorter=random').role_sorter).toBe('random');
  for (const name of ['role_sorter', 'framework_sorter'])
    expect(() => flags(`--${name}=fair`)).toThrow(new RegExp(`${name}.*'fair' is no sorter, only drf and random`));
});

test('how many agents may be lost to a change of masters is a percentage', () => {
  expect(flags('--recovery_slave_removal_limit=5%').recovery_agent_removal_limit).toBe(0.05);
  expect(flags().recovery_agent_removal_limit).toBe(1);
  for (const bad of ['5', '101%', '-1%', 'x%'])
    expect(() => flags(`--recovery_agent_removal_limit=${bad}`)).toThrow(/recovery_agent_removal_limit/);
});

test('the whitelist is a file that is there, or all', async () => {
  expect(flags('--whitelist=*').whitelist).toBeUndefined();
  expect(() => flags('--whitelist=agents')).toThrow(/neither \* nor the path of a file/);
  for (const given of [join(dir, 'none'), `file://${join(dir, 'none')}`])
    await expect((async () => start(`--whitelist=${given}`))()).rejects.toMatchObject({ code: 'INVALID_FLAG' });
  const file = join(dir, 'agents');
  writeFileSync(file, 'a\n');
  expect([flags(`--whitelist=${file}`).whitelist, flags(`--whitelist=file://${file}`).whitelist]).toEqual([file, file]);
});

test('the rate of removals is so many in a time', () => {
  expect(flags('--agent_removal_rate_limit=2/3hrs').agent_removal_rate_limit?.intervalMs).toBe(5_400_000);
  for (const bad of ['1', '0/1secs', '1/x', 'x/1secs'])
    expect(() => flags(`--slave_removal_rate_limit=${bad}`), bad).toThrow(/--agent_removal_rate_limit/);
});

test('a domain is said to everybody', async () => {
  const domain = { fault_domain: { region: { name: 'r' }, zone: { name: 'z' } } };
  const master = await start('--port=0', `--domain=${JSON.stringify(domain)}`);
  const state = (await (await fetch(`${master.url}/state`)).json()) as { domain: object; leader_info: object };
  expect(state).toMatchObject({ domain, leader_info: { domain } });
  await master.close();
});
