import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('what is not safe or not built is refused before anything is opened', async () => {
  await expect(start('--ip=0.0.0.0')).rejects.toMatchObject({ code: 'INSECURE_ADDRESS' });
  await expect(startMaster(flags(), { log })).rejects.toMatchObject({
    code: 'INVALID_FLAG',
    message: 'flag --work_dir is required',
  });
  expect(() => flags('--zk=zk://a:2181/mesos')).toThrow(/not supported yet/);
  expect(() =>
    loadFlags(masterFlags, { argv: [], env: { MESOS_MODULES: '{}' }, unsupported: unsupportedMasterFlags }),
  ).toThrow(/modules is not supported yet/);
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
