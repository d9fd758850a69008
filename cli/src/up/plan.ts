/** What one `mezzo up` starts: pure planning, so that it can be tested without a machine. */

export const PORTS = {
  master: 5050,
  agent: 5051,
  marathon: 8080,
  router: 8000,
  dns: 8053,
  dnsHttp: 8123,
  ensemble: 8181,
} as const;
/** Of ZooKeeper; member n of the ensemble has the n-th from here. */
const ZOOKEEPER_PORTS = { client: 2181, quorum: 2888, election: 3888 } as const;
/** Between the ports of one master's plugins and the next one's: none of PORTS are that far apart, nor a multiple of it. */
const MASTER_STEP = 300;
const TASK_PORTS = { first: 31_000, last: 32_000 } as const;

export interface Machine {
  readonly cpus: number;
  readonly memMib: number;
  readonly diskMib: number;
}

export interface UpOptions {
  readonly agents: number;
  readonly portOffset: number;
  /** Default 1, which keeps all in its own store; several need ZooKeeper. */
  readonly masters?: number;
}

export interface MasterPlan {
  readonly name: string;
  readonly port: number;
  /** Of its plugins. */
  readonly portOffset: number;
}

/** A server of the ensemble, as the plugin that runs it is configured. */
export interface ZookeeperPlan {
  readonly id: number;
  readonly host: string;
  readonly clientPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
}

export interface AgentPlan {
  readonly name: string;
  readonly port: number;
  /** Text for --resources. */
  readonly resources: string;
  /** Text for --attributes: what constraints can tell agents of one machine apart by. */
  readonly attributes: string;
}

export interface UpPlan {
  readonly masters: readonly MasterPlan[];
  /** One for each master; none where there is one master. */
  readonly zookeepers: readonly ZookeeperPlan[];
  readonly agents: readonly AgentPlan[];
  /** Every port that must be free, with who wants it. */
  readonly ports: readonly { readonly port: number; readonly who: string; readonly udp?: boolean }[];
}

/** Leave this to the daemons and the system, per cluster. */
const RESERVED_MEM_MIB = 512;
const RESERVED_DISK_MIB = 1024;
const MIN_AGENT_MEM_MIB = 64;

const milli = (value: number) => Math.floor(value * 1000) / 1000;

/** Divides the machine among the agents. The offset moves task ports too, by a whole block, so that clusters never meet. */
export function planUp(machine: Machine, { agents: count, portOffset, masters: masterCount = 1 }: UpOptions): UpPlan {
  const memMib = Math.floor((machine.memMib - RESERVED_MEM_MIB) / count);
  if (memMib < MIN_AGENT_MEM_MIB) {
    throw new Error(
      `${machine.memMib} MiB of free memory is too little for ${count} agent(s): ${RESERVED_MEM_MIB} MiB for the daemons and ${MIN_AGENT_MEM_MIB} MiB for each agent are needed`,
    );
  }
  const diskMib = Math.max(Math.floor((machine.diskMib - RESERVED_DISK_MIB) / count), 0);
  const first = TASK_PORTS.first + portOffset;
  const last = TASK_PORTS.last + portOffset;
  if (last > 65_535)
    throw new Error(
      `--port-offset ${portOffset} moves the task ports beyond 65535: use at most ${65_535 - TASK_PORTS.last}`,
    );
  const share = Math.floor((last - first + 1) / count);
  const agents = Array.from({ length: count }, (_, i): AgentPlan => {
    const low = first + i * share;
    const high = i === count - 1 ? last : low + share - 1;
    const cpus = milli(machine.cpus / count);
    return {
      name: `agent-${i}`,
      port: PORTS.agent + portOffset + i,
      attributes: `node:agent-${i};index:${i}`,
      resources: `cpus:${cpus};mem:${memMib};disk:${diskMib};ports:[${low}-${high}]`,
    };
  });
  const masters = Array.from({ length: masterCount }, (_, i): MasterPlan => {
    const offset = portOffset + i * MASTER_STEP;
    return { name: i === 0 ? 'master' : `master-${i}`, port: PORTS.master + offset, portOffset: offset };
  });
  const zookeepers = masterCount === 1 ? [] : masters.map((_, i) => zookeeperPlan(i, portOffset));
  const ports = [
    ...masters.flatMap(masterPorts),
    ...zookeepers.flatMap(zookeeperPorts),
    ...(masterCount === 1 ? [] : masters.map((one) => ({ port: PORTS.ensemble + one.portOffset, who: 'ensemble' }))),
    ...agents.map(({ port, name }) => ({ port, who: name })),
  ];
  return { masters, zookeepers, agents, ports };
}

const masterPorts = ({ name, port, portOffset }: MasterPlan) => [
  { port, who: name },
  { port: PORTS.marathon + portOffset, who: 'marathon' },
  { port: PORTS.router + portOffset, who: 'router' },
  { port: PORTS.dns + portOffset, who: 'dns' },
  { port: PORTS.dns + portOffset, who: 'dns', udp: true },
  { port: PORTS.dnsHttp + portOffset, who: 'dns (HTTP)' },
];

const zookeeperPorts = ({ id, clientPort, quorumPort, electionPort }: ZookeeperPlan) =>
  [clientPort, quorumPort, electionPort].map((port) => ({ port, who: `zookeeper ${id}` }));

const zookeeperPlan = (index: number, portOffset: number): ZookeeperPlan => ({
  id: index + 1,
  host: '127.0.0.1',
  clientPort: ZOOKEEPER_PORTS.client + portOffset + index,
  quorumPort: ZOOKEEPER_PORTS.quorum + portOffset + index,
  electionPort: ZOOKEEPER_PORTS.election + portOffset + index,
});
