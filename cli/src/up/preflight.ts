import { createSocket } from 'node:dgram';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Machine } from './plan.js';

function availableMemMib(): number {
  try {
    const kib = /MemAvailable:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    if (kib !== undefined) return Math.floor(Number(kib) / 1024);
  } catch {
    // no /proc: fall through
  }
  return Math.floor(Math.min(freemem(), totalmem()) / (1 << 20));
}

/** The cgroup this process runs in may allow less than the machine has. */
function cgroupLimitMib(): number {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const bytes = Number(readFileSync(file, 'utf8').trim());
      if (Number.isFinite(bytes)) return Math.floor(bytes / (1 << 20));
    } catch {
      // not this version
    }
  }
  return Infinity;
}

/** What this machine has to share now. */
export function measureMachine(workDir: string): Machine {
  const { bavail, bsize } = statfsSync(workDir);
  return {
    cpus: availableParallelism(),
    memMib: Math.min(availableMemMib(), cgroupLimitMib()),
    diskMib: Math.floor((bavail * bsize) / (1 << 20)),
  };
}

function tryTcp(port: number, host: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer().once('error', (error: NodeJS.ErrnoException) => resolve(error));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function tryUdp(port: number, host: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4').once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error);
    });
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}

export async function portProblem(port: number, udp = false, host = '127.0.0.1'): Promise<string | undefined> {
  const error = await (udp ? tryUdp(port, host) : tryTcp(port, host));
  if (error === undefined) return undefined;
  if (error.code === 'EADDRINUSE') return 'is taken by another program';
  if (error.code === 'EACCES') return 'needs root (ports below 1024)';
  return error.message;
}

const ZOOKEEPER_JAR = '/usr/share/java/zookeeper.jar';

/** It is compiled when Mezzo is installed, where there is a compiler. */
export const isZookeeperClientThere = (): boolean =>
  ['Release', 'Debug'].some((kind) => {
    try {
      const dir = dirname(createRequire(import.meta.url).resolve('zookeeper/package.json'));
      return existsSync(join(dir, 'build', kind, 'zookeeper.node'));
    } catch {
      return false;
    }
  });

/** Throws ZOOKEEPER_MISSING: several masters need its server, Java and its client. */
export function requireZookeeper(): void {
  const missing = (what: string, next: string) =>
    new MezzoError('ZOOKEEPER_MISSING', `several masters need ${what}`, { blame: 'environment', next });
  const apt = 'apt-get install --no-install-recommends zookeeper default-jre-headless';
  if (!existsSync(ZOOKEEPER_JAR)) throw missing(`ZooKeeper, and ${ZOOKEEPER_JAR} is not there`, apt);
  if (spawnSync('java', ['-version'], { timeout: 20_000 }).status !== 0) throw missing('Java', apt);
  if (!isZookeeperClientThere())
    throw missing(
      'the zookeeper package, which is not compiled',
      'apt-get install build-essential python3, then `npm run build:zookeeper` where Mezzo is installed',
    );
}

/** Rejects with PORT_TAKEN, naming the first port that cannot be had. */
export async function requirePorts(
  wanted: readonly { readonly port: number; readonly who: string; readonly udp?: boolean }[],
): Promise<void> {
  for (const { port, who, udp } of wanted) {
    const problem = await portProblem(port, udp);
    if (problem === undefined) continue;
    throw new MezzoError('PORT_TAKEN', `port ${port}${udp ? '/udp' : ''}, wanted by ${who}, ${problem}`, {
      blame: 'operator',
      next: `free it (find who holds it: ss -l${udp ? 'u' : 't'}np sport = :${port}), or move all ports: --port-offset 2000`,
      details: { port, who },
    });
  }
}
