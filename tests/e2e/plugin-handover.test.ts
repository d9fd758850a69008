import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PluginStatus } from '@mezzo/sdk/contract';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { repacked } from '../support/repacked.js';
import { httpRequests, tcpQueries, udpQueries, type SteadyLoad } from '../support/steady-load.js';
import { root } from '../tidy/sources.js';

let cluster: TestCluster;
let dir: string;
beforeAll(async () => {
  cluster = await TestCluster.up([`--deploy=${join(root, 'examples/hello.json')}`]);
  dir = mkdtempSync(join(tmpdir(), 'mezzo-handover-'));
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const row = async (id: string): Promise<PluginStatus> =>
  (await cluster.json<PluginStatus[]>('plugin', 'list')).find((one) => one.id === id)!;

async function nothingIsLost(loads: Readonly<Record<string, SteadyLoad>>): Promise<void> {
  for (const [name, load] of Object.entries(loads)) {
    const result = await load.end();
    expect(result.sent, name).toBeGreaterThan(100);
    expect(result, name).toMatchObject({ lost: 0, problems: [] });
  }
}

test.each([
  ['dns', 'ttlSeconds=7'],
  ['router', 'tokenTtlSeconds=3600'],
])('%s is upgraded, configured and taken back under load: nobody is left without an answer', async (id, setting) => {
  const [name, port] = ['hello.marathon.mesos', cluster.port(8053)];
  const loads: Record<string, SteadyLoad> =
    id === 'dns'
      ? { udp: udpQueries(port, name), tcp: tcpQueries(port, name) }
      : {
          app: httpRequests(cluster.url(8000, '/service/hello/'), {}),
          health: httpRequests(cluster.url(8000, '/'), {}),
        };
  const pids = [(await row(id)).pid];
  for (const args of [
    ['install', repacked(id, '0.1.1', dir), '--yes', '--allow-unsigned'],
    ['config', id, setting],
    ['remove', id, '--yes'],
  ]) {
    const { code, stdout, stderr } = await cluster.mezzo(['plugin', ...args]);
    expect(code, `${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
    const isNew = ({ state, pid }: PluginStatus): boolean => state === 'active' && !pids.includes(pid);
    pids.push(
      await until(`${args.join(' ')}: another process`, async () => isNew(await row(id)) && (await row(id)).pid),
    );
  }
  await nothingIsLost(loads);
});
