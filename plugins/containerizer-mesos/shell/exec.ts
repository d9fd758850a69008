import { open, rm, writeFile } from 'node:fs/promises';
import { MezzoError } from '@mezzo/sdk/contract';
import type { ContainerCommand, ExecResult } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { execScript } from '../core/run-script.js';
import type { ForkServer } from './fork-server.js';
import type { Machine } from './machine.js';
import type { RuntimeDir } from './runtime-dir.js';
import { findUser } from './users.js';

const OUTPUT_BYTES = 65_536;
/** A command that leaves something running keeps its output open: it is not waited for longer than this. */
const OUTPUT_WAIT_MS = 200;

export interface ExecDeps {
  readonly machine: Machine;
  readonly runtime: RuntimeDir;
  readonly server: ForkServer;
}

/** Runs a command with the task's directory, user, cgroups and namespaces. */
export async function exec(
  deps: ExecDeps,
  containerId: string,
  serial: number,
  facts: Facts,
  command: ContainerCommand,
  timeoutMs: number,
): Promise<ExecResult> {
  const { machine, runtime } = deps;
  const runAs = command.user === undefined ? facts.runAs : await findUser(command.user);
  const { owner } = facts;
  const key = `${owner}/${containerId}.exec-${serial}`;
  const script = runtime.path(`${owner}/${containerId}`, `exec-${serial}`);
  const outputFile = `${script}.out`;
  const text = execScript({
    ...command,
    key,
    timeoutMs,
    outputFile,
    outputBytes: OUTPUT_BYTES,
    tools: machine.tools,
    sandbox: facts.sandbox,
    cgroups: machine.cgroups?.joinFiles(owner, facts.root ?? containerId) ?? [],
    ...(runAs !== undefined && { runAs }),
    ...(facts.mode !== 'group' && { enter: { pid: facts.main.pid, user: facts.mode === 'user-namespaces' } }),
  });
  await writeFile(script, text, { mode: 0o600 });
  try {
    const code = await status(deps.server, key, timeoutMs);
    return { code, output: await tail(outputFile) };
  } finally {
    await Promise.all([rm(script, { force: true }), rm(outputFile, { force: true })]);
  }
}

function status(server: ForkServer, key: string, timeoutMs: number): Promise<number> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (how: () => void) => {
      clearTimeout(timer);
      forget();
      how();
    };
    const late = () => settle(() => reject(tooLate(timeoutMs)));
    timer = setTimeout(late, timeoutMs);
    let code = 0;
    const forget = server.send('exec', key, ([word, ...rest]) => {
      if (word === 'failed') settle(() => reject(execFailed(rest.join(' '))));
      if (word === 'output') settle(() => resolve(code));
      if (word !== 'status') return;
      code = Number(rest[0]);
      // timeout(1) counts from a moment later than this process does.
      if (code === 137 && performance.now() - started >= timeoutMs) return late();
      clearTimeout(timer);
      timer = setTimeout(() => settle(() => resolve(code)), OUTPUT_WAIT_MS);
    });
  });
}

async function tail(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return '';
  try {
    const buffer = Buffer.alloc(OUTPUT_BYTES);
    const { bytesRead } = await file.read(buffer, 0, OUTPUT_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

const tooLate = (timeoutMs: number): MezzoError =>
  new MezzoError('EXEC_TIMEOUT', `the command did not end within ${timeoutMs} ms and was killed`, { blame: 'user' });

const execFailed = (reason: string): MezzoError =>
  new MezzoError('EXEC_FAILED', `the command could not be started: ${reason}`, {
    blame: 'environment',
    retryable: true,
  });
