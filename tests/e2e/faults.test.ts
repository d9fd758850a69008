import { afterAll, beforeAll, test } from 'vitest';
import { FaultyCluster } from '../support/faults/cluster.js';
import { FAULTS } from '../support/faults/faults.js';
import { hostsMissing } from '../support/faults/hosts.js';
import { underFaults } from '../support/faults/rounds.js';
import { describeIf } from '../support/skip.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const SEED = Number(process.env.MEZZO_FAULTS_SEED ?? 1);

const missing = hostsMissing() ?? zookeeperServerMissing() ?? (await zookeeperClientMissing());

/** As operators run it, on hosts with networks of their own: docs/RELIABILITY.md says what is promised. */
describeIf(missing, 'three masters, ZooKeepers and agents under faults', () => {
  let cluster: FaultyCluster | undefined;
  beforeAll(async () => {
    cluster = new FaultyCluster();
    await cluster.start();
  });
  afterAll(() => cluster?.stop());

  test('what was acknowledged stays, apps run as they ask, no task starts twice or is touched', async () => {
    await underFaults(cluster!, { faults: FAULTS, seed: SEED, rounds: 1 });
  });
});
