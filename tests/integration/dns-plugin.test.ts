import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { OPERATOR_EVENTS } from '@mezzo/sdk/framework';
import { checkConfig } from '@mezzo/sdk/runtime';
import { FakeOperatorEvents, PluginHarness } from '@mezzo/sdk/testing';
import { expect, test } from 'vitest';
import plugin from '../../plugins/dns/plugin.js';
import { root } from '../tidy/sources.js';

const { mezzo: manifest } = JSON.parse(readFileSync(join(root, 'plugins/dns/package.json'), 'utf8')) as {
  mezzo: PluginManifest;
};

test('it answers nobody before it knows who leads: the one that it takes over from does', async () => {
  const info = { id: 'm', ip: 1, port: 5050, hostname: 'm', address: { ip: '10.0.0.7', port: 5050 } };
  const master = createServer((_, response) => {
    // Slower than the snapshot, which comes another way.
    void sleep(300).then(() =>
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ type: 'GET_MASTER', get_master: { master_info: info } })),
    );
  }).listen(0, '127.0.0.1');
  await once(master, 'listening');
  const harness = await PluginHarness.start(plugin, {
    manifest,
    config: checkConfig('dns', manifest.config, {}),
    cluster: { kernelUrl: `http://127.0.0.1:${(master.address() as AddressInfo).port}` },
    services: (services) => services.value(OPERATOR_EVENTS, new FakeOperatorEvents()),
  });
  try {
    expect(harness.state, harness.reason).toBe('active');
    const answer = await fetch(`${harness.endpoints.list[0]!.url}/v1/hosts/leader.mesos`);
    expect(await answer.json()).toEqual([{ host: 'leader.mesos.', ip: '10.0.0.7' }]);
  } finally {
    await harness.stop();
    master.close();
    master.closeAllConnections();
  }
});
