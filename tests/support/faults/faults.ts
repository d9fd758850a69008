import type { Random } from '../../sim/random.js';
import { until } from '../poll.js';
import type { Client } from './client.js';
import { clockLibrary, type FaultyCluster } from './cluster.js';

export interface Site {
  readonly cluster: FaultyCluster;
  readonly client: Client;
  readonly random: Random;
}

export interface Fault {
  readonly name: string;
  /** Breaks something, sees what must come of it, and answers who was hit. */
  readonly strike: (site: Site) => Promise<string>;
  readonly heal?: (site: Site) => void;
}

/** Sessions are of 3 s: all that must come within a few of them, on a slow machine. */
const SEEN_MS = 60_000;

const leader = ({ cluster }: Site): Promise<string> => until('somebody leads', () => cluster.leader(), SEEN_MS, 100);
const anotherLeads = ({ cluster }: Site, than: string): Promise<unknown> =>
  until(
    `another one leads than ${than}`,
    async () => {
      const now = await cluster.leader();
      return now !== undefined && now !== than;
    },
    SEEN_MS,
    100,
  );
const startsAgain = ({ cluster }: Site, name: string, starts: number): Promise<unknown> =>
  until(`${name} ends and is started again`, () => cluster.starts(name) > starts, SEEN_MS);
/** As long as clients need for so many more attempts. */
const forAttempts = ({ client }: Site, count: number): Promise<unknown> => {
  const { tried } = client;
  return until(`${count} writes are tried`, () => client.tried >= tried + count, SEEN_MS);
};
const mend = ({ cluster }: Site): void => cluster.hosts.mend();

/** Ends them; they start again with clocks of this offset. */
function setClocks({ cluster }: Site, names: readonly string[], offset: string): void {
  for (const name of names) {
    cluster.setClock(name, offset);
    cluster.signal(name, 'SIGKILL');
  }
}
function rightClocks({ cluster }: Site): void {
  const names = [...cluster.clocks];
  cluster.clocks.clear();
  for (const name of names) cluster.signal(name, 'SIGKILL');
}
/** While the process runs: two hours on, or back. */
async function clockJumps(site: Site, name: string, offset: string): Promise<void> {
  site.cluster.setClock(name, offset);
  await forAttempts(site, 15);
}

type Way = 'to' | 'from' | 'both';
function cutOff({ cluster: { hosts } }: Site, name: string, others: readonly string[], way: Way): void {
  for (const other of others) {
    if (way !== 'from') hosts.cut(name, other);
    if (way !== 'to') hosts.cut(other, name);
  }
}
async function cutFromZookeeper(site: Site, way: Way): Promise<string> {
  const { cluster } = site;
  const name = await leader(site);
  const starts = cluster.starts(name);
  cutOff(site, name, cluster.zookeeper.names, way);
  await startsAgain(site, name, starts);
  await anotherLeads(site, name);
  return name;
}
const zookeeperLeader = async ({ cluster: { zookeeper } }: Site): Promise<string> =>
  (await until('it has one', () => zookeeper.leader(), SEEN_MS))!;
const cutFromPeers = (site: Site, server: string): void =>
  cutOff(
    site,
    server,
    site.cluster.zookeeper.names.filter((one) => one !== server),
    'both',
  );
const zookeeperHasAnother = ({ cluster: { zookeeper } }: Site, than: string): Promise<unknown> =>
  until(
    `another ZooKeeper leads than ${than}`,
    async () => {
      const modes = await zookeeper.modes();
      const now = zookeeper.names[modes.indexOf('leader')];
      if (now === undefined || now === than) throw new Error(modes.join());
      return true;
    },
    SEEN_MS,
  );

/** Where libfaketime is installed. */
export const CLOCK_FAULTS: readonly Fault[] =
  clockLibrary() === undefined
    ? []
    : [
        {
          name: "an agent's clock is an hour ahead, and is set to an hour behind",
          async strike(site) {
            const name = site.random.pick(site.cluster.agents);
            const starts = site.cluster.starts(name);
            setClocks(site, [name], '+1h');
            await startsAgain(site, name, starts);
            await until('all agents are active', () => site.cluster.agentsAreActive(), SEEN_MS, 200);
            await forAttempts(site, 5);
            await clockJumps(site, name, '-1h');
            return name;
          },
          heal: rightClocks,
        },
        {
          name: "the next leader's clock is an hour behind, is set to an hour ahead, and back",
          async strike(site) {
            const { cluster } = site;
            const name = await leader(site);
            const others = cluster.masters.filter((one) => one !== name);
            const starts = cluster.starts(others[0]!);
            setClocks(site, others, '-1h');
            await startsAgain(site, others[0]!, starts);
            for (const other of others) await until('it serves', () => cluster.get(other, '/version'), SEEN_MS, 100);
            cluster.signal(name, 'SIGKILL');
            await anotherLeads(site, name);
            await until('all agents are active', () => cluster.agentsAreActive(), SEEN_MS, 200);
            await forAttempts(site, 5);
            for (const offset of ['+1h', '-1h']) await clockJumps(site, await leader(site), offset);
            return others.join(', ');
          },
          heal: rightClocks,
        },
      ];

export const FAULTS: readonly Fault[] = [
  {
    name: 'the leading master is killed',
    async strike(site) {
      const name = await leader(site);
      site.cluster.signal(name, 'SIGKILL');
      await anotherLeads(site, name);
      return name;
    },
  },
  {
    name: 'an agent is killed',
    async strike(site) {
      const name = site.random.pick(site.cluster.agents);
      const starts = site.cluster.starts(name);
      site.cluster.signal(name, 'SIGKILL');
      await startsAgain(site, name, starts);
      return name;
    },
  },
  {
    name: 'Marathon is killed',
    async strike(site) {
      const name = await leader(site);
      const pid = site.cluster.pluginPid(name, 'marathon')!;
      process.kill(pid, 'SIGKILL');
      await until('it is back', () => ![undefined, pid].includes(site.cluster.pluginPid(name, 'marathon')), SEEN_MS);
      return name;
    },
  },
  {
    name: 'the leading master stands still for longer than its session',
    async strike(site) {
      const name = await leader(site);
      const starts = site.cluster.starts(name);
      site.cluster.signal(name, 'SIGSTOP');
      await anotherLeads(site, name);
      site.cluster.signal(name, 'SIGCONT');
      await startsAgain(site, name, starts);
      return name;
    },
  },
  {
    name: 'the leading master is cut off from ZooKeeper',
    strike: (site) => cutFromZookeeper(site, 'both'),
    heal: mend,
  },
  {
    name: 'an agent hears nothing from the leading master',
    async strike(site) {
      const [name, agent] = [await leader(site), site.random.pick(site.cluster.agents)];
      site.cluster.hosts.cut(name, agent);
      await forAttempts(site, 15);
      return `${name} -> ${agent}`;
    },
    heal: mend,
  },
  {
    name: 'the leading master hears nothing from an agent',
    async strike(site) {
      const [name, agent] = [await leader(site), site.random.pick(site.cluster.agents)];
      site.cluster.hosts.cut(agent, name);
      await forAttempts(site, 15);
      return `${agent} -> ${name}`;
    },
    heal: mend,
  },
  {
    name: "ZooKeeper's leader is killed",
    async strike(site) {
      const name = await zookeeperLeader(site);
      site.cluster.zookeeper.signal(name, 'SIGKILL');
      await zookeeperHasAnother(site, name);
      return name;
    },
  },
  {
    name: "an agent's disk is full",
    async strike(site) {
      const name = site.random.pick(site.cluster.agents);
      site.cluster.fillDisk(name);
      await forAttempts(site, 15);
      return name;
    },
    heal: ({ cluster }) => cluster.agents.forEach((name) => cluster.freeDisk(name)),
  },
  {
    name: "the leading master's disk is full",
    async strike(site) {
      const name = await leader(site);
      site.cluster.fillDisk(name);
      await forAttempts(site, 15);
      return name;
    },
    heal: ({ cluster }) => cluster.masters.forEach((name) => cluster.freeDisk(name)),
  },
];

/** What is much like one of those above, or takes long. */
export const MORE_FAULTS: readonly Fault[] = [
  {
    name: 'the leading master hears nothing from ZooKeeper',
    strike: (site) => cutFromZookeeper(site, 'from'),
    heal: mend,
  },
  {
    name: 'ZooKeeper hears nothing from the leading master',
    strike: (site) => cutFromZookeeper(site, 'to'),
    heal: mend,
  },
  {
    name: "ZooKeeper's leader is cut off from the others",
    async strike(site) {
      const name = await zookeeperLeader(site);
      cutFromPeers(site, name);
      await zookeeperHasAnother(site, name);
      return name;
    },
    heal: mend,
  },
  {
    name: "the leading master's ZooKeeper is cut off from the others",
    async strike(site) {
      const { cluster } = site;
      const name = await leader(site);
      const server = await until(`${name} has a ZooKeeper`, () => cluster.zookeeperOf(name), SEEN_MS);
      cutFromPeers(site, server);
      await forAttempts(site, 50);
      return `${name}, ${server}`;
    },
    heal: mend,
  },
  {
    name: "the disk of ZooKeeper's leader is full",
    async strike(site) {
      const { cluster } = site;
      const name = await zookeeperLeader(site);
      cluster.fillDisk(name);
      // Another one leads, or none: ZooKeeper may elect the one without room again and again.
      await forAttempts(site, 15);
      return name;
    },
    // A ZooKeeper that has met a full disk may never serve again by itself.
    heal({ cluster }) {
      for (const name of cluster.zookeeper.names) if (cluster.freeDisk(name)) cluster.zookeeper.signal(name, 'SIGKILL');
    },
  },
];
