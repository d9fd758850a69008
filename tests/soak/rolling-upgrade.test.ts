import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FaultyCluster } from '../support/faults/cluster.js';
import type { Fault } from '../support/faults/faults.js';
import { hostsMissing } from '../support/faults/hosts.js';
import { underFaults } from '../support/faults/rounds.js';
import { buildCommit, oldCommit } from '../support/old-build.js';
import { until } from '../support/poll.js';
import { readProc } from '../support/proc.js';
import { describeIf } from '../support/skip.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';
import { root } from '../tidy/sources.js';

const STANDS_MS = 60_000;
const commit = oldCommit();
const missing =
  hostsMissing() ??
  zookeeperServerMissing() ??
  (await zookeeperClientMissing()) ??
  (commit === undefined
    ? 'no earlier commit to upgrade from: no git history, or no such MEZZO_UPGRADE_FROM'
    : undefined);

describeIf(missing, `a rolling upgrade from ${commit?.slice(0, 7)}`, () => {
  let old: string;
  let cluster: FaultyCluster;
  beforeAll(() => void (old = buildCommit(commit!)));
  beforeEach(async () => {
    cluster = new FaultyCluster();
    for (const name of [...cluster.masters, ...cluster.agents]) cluster.builds.set(name, old);
    await cluster.start();
  });
  afterEach(() => cluster.stop());
  afterAll(() => rmSync(old, { recursive: true, force: true }));

  const leader = () => until('somebody leads', () => cluster.leader(), STANDS_MS, 100);

  /** Restarts it as a service manager does. */
  async function upgrade(name: string, signal: NodeJS.Signals, port: number): Promise<void> {
    const starts = cluster.starts(name);
    cluster.builds.delete(name);
    cluster.signal(name, signal);
    await until(`${name} is started again`, () => cluster.starts(name) > starts, STANDS_MS);
    const init = () => ({ signal: AbortSignal.timeout(1_500) });
    const serves = async () => (await fetch(cluster.url(name, port, '/version'), init())).ok;
    await until(`${name} serves`, serves, STANDS_MS, 100);
  }

  const upgradeStandby = (signal: NodeJS.Signals): Fault => ({
    name: `a master that follows is upgraded, ${signal}`,
    strike: async () => {
      const leads = await leader();
      const name = cluster.masters.find((one) => one !== leads && cluster.builds.has(one))!;
      await upgrade(name, signal, 5050);
      return name;
    },
  });
  const upgradeLeader = (signal: NodeJS.Signals): Fault => ({
    name: `the master that leads is upgraded, ${signal}`,
    strike: async () => {
      const name = await leader();
      expect([...cluster.builds.keys()].filter((one) => one.startsWith('m'))).toEqual([name]);
      await upgrade(name, signal, 5050);
      await leader();
      return name;
    },
  });
  const upgradeAgent = (name: string): Fault => ({
    name: 'an agent is upgraded, SIGTERM',
    strike: async () => (await upgrade(name, 'SIGTERM', 5051), name),
  });
  const run = async (build: string): Promise<void> => {
    for (const name of [...cluster.masters, ...cluster.agents])
      expect(cluster.commandLine(name)[1], name).toContain(join(build, 'kernel/dist/main/'));
    const ofBuild = (name: string) =>
      readProc(cluster.pluginPid(name, 'dns') ?? 0, 'cmdline').includes(join(build, 'sdk/'));
    for (const name of cluster.masters)
      await until(`the plugins of ${name} are of ${build}`, () => ofBuild(name), STANDS_MS);
  };

  // packaging/systemd sends masters SIGINT, and their plugins end; after SIGTERM the new build finds those of the old one running.
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'masters by %s, then agents: what was acknowledged stays, no task starts twice or is touched',
    async (signal) => {
      await run(old);
      const faults = [
        ...[upgradeStandby(signal), upgradeStandby(signal), upgradeLeader(signal)],
        ...cluster.agents.map(upgradeAgent),
      ];
      const seed = Number(process.env.MEZZO_FAULTS_SEED ?? 1);
      await underFaults(cluster, { faults, seed, rounds: 1, inOrder: true });
      await run(root);
    },
  );
});
