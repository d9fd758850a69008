import { afterAll, beforeAll, test } from 'vitest';
import { describeIf } from '../skip.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../zookeeper-server.js';
import { FaultyCluster } from './cluster.js';
import { hostsMissing } from './hosts.js';
import { underFaults } from './rounds.js';

/** As operators run it, on hosts with networks of their own: docs/RELIABILITY.md says what is promised. */
export async function survives(rounds: Parameters<typeof underFaults>[1]): Promise<void> {
  const missing = hostsMissing() ?? zookeeperServerMissing() ?? (await zookeeperClientMissing());
  describeIf(missing, 'three masters, ZooKeepers and agents under faults', () => {
    let cluster: FaultyCluster | undefined;
    beforeAll(async () => {
      cluster = new FaultyCluster();
      await cluster.start();
    });
    afterAll(() => cluster?.stop());

    test('what was acknowledged stays, apps run as they ask, no task starts twice or is touched', async () => {
      await underFaults(cluster!, rounds);
    });
  });
}
