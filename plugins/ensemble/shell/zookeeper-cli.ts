import { spawn } from 'node:child_process';
import { MezzoError } from '@mezzo/sdk/contract';

const DEADLINE_MS = 30_000;
const OUTPUT_MAX_BYTES = 64 << 10;

export interface Java {
  readonly java: string;
  readonly classPath: string;
}

/** ZooKeeper's own command line: what no client of another language can do. Commands go over its input, so that no list of processes shows a password. */
export async function zookeeperCli(
  { java, classPath }: Java,
  hostPort: string,
  commands: readonly string[],
): Promise<string> {
  const main = 'org.apache.zookeeper.ZooKeeperMain';
  const child = spawn(java, ['-Xmx64m', '-cp', classPath, main, '-server', hostPort], {
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (piece) => (output.out = (output.out + String(piece)).slice(-OUTPUT_MAX_BYTES)));
  child.stderr.on('data', (piece) => (output.err = (output.err + String(piece)).slice(-OUTPUT_MAX_BYTES)));
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${[...commands, 'quit'].join('\n')}\n`);
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  if (code === 0) return output.out;
  const why = output.err
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('SLF4J'))
    .at(-1);
  throw new MezzoError('ZOOKEEPER_REFUSED', (why ?? `no answer within ${DEADLINE_MS / 1000} s`).slice(0, 500), {
    blame: 'environment',
    retryable: true,
    next: 'look at /ensemble/v1/status, and try again when all members serve',
  });
}
