import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseMessageText } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { ClusterZone } from '../../plugins/dns/core/cluster.js';
import { rfc1123Label } from '../../plugins/dns/core/labels.js';
import { Zone } from '../../plugins/dns/core/zone.js';

const golden = (name: string): string => readFileSync(new URL(`./dns/${name}`, import.meta.url), 'utf8');

/** As documented: the first 25 bits of the SHA-1 of the task id in z-base-32. */
function documentedHash(taskId: string): string {
  const bits = createHash('sha1').update(taskId).digest().readUInt32BE(0);
  return [27, 22, 17, 12, 7].map((shift) => 'ybndrfg8ejkmcpqxot1uwisza345h769'[(bits >>> shift) & 31]).join('');
}

test('a state of the master has the records that Mesos-DNS makes of it', () => {
  const state = parseMessageText(
    'mesos.v1.master.Response',
    `{"type":"GET_STATE","get_state":${golden('state.json')}}`,
  );
  const zone = new Zone('mesos');
  const cluster = new ClusterZone(zone, { domain: 'mesos', label: rfc1123Label, ipSources: 'auto', onlyHealthy: true });
  for (const _ of cluster.snapshot(state.getState!));
  cluster.mastersAre({ host: '10.0.0.1', port: 5050 }, [
    { host: '10.0.0.2', port: 5050 },
    { host: '10.0.0.3', port: 5050 },
  ]);
  const lines = [...zone.all()].flatMap((node) =>
    (['A', 'AAAA', 'SRV'] as const)
      .filter((type) => node.count(type) > 0)
      .map((type) => `${node.name} ${type} ${node.distinct(type).join(' ')}`),
  );
  const expected = golden('records.txt')
    .trim()
    .split('\n')
    .map((line) => line.replace(/HASH\((.+?)\)/g, (_, id: string) => documentedHash(id)));
  expect(lines.sort()).toEqual(expected.sort());
});
