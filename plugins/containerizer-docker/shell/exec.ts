import type { Exec } from 'dockerode';
import { MezzoError } from '@mezzo/sdk/contract';
import type { ContainerCommand, ExecResult } from '@mezzo/sdk/points/containerizer';
import { LogFrameParser } from '../core/frames.js';
import { SANDBOX } from '../core/volumes.js';
import { reasonOf, type Engine } from './engine.js';
import { killTree } from './kill-tree.js';

const OUTPUT_BYTES = 65_536;

/** Runs a command in a container; at the deadline it is killed with all that it started. */
export async function exec(
  engine: Engine,
  dockerId: string,
  command: ContainerCommand,
  timeoutMs: number,
): Promise<ExecResult> {
  const abort = new AbortController();
  let running: Exec | undefined;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort.abort();
  }, timeoutMs);
  try {
    running = await engine.calls.getContainer(dockerId).exec({
      Cmd: command.shell ? ['/bin/sh', '-c', ...command.argv] : [...command.argv],
      Env: Object.entries({ ...command.env, MESOS_SANDBOX: SANDBOX }).map(([name, value]) => `${name}=${value}`),
      ...{ AttachStdout: true, AttachStderr: true },
      ...(command.user !== undefined && { User: command.user }),
    });
    const output = await run(engine, running, abort.signal);
    if (!late) return { code: (await running.inspect()).ExitCode ?? -1, output };
  } catch (error) {
    if (!late) throw failed(error);
  } finally {
    clearTimeout(timer);
  }
  if (running !== undefined) await killExec(running, dockerId);
  throw tooLate(timeoutMs);
}

async function run(engine: Engine, created: Exec, abortSignal: AbortSignal): Promise<string> {
  const stream = await engine.streams.getExec(created.id).start({ abortSignal });
  const parser = new LogFrameParser(false);
  let output = Buffer.alloc(0);
  for await (const chunk of stream) {
    output = Buffer.concat([output, ...parser.push(chunk as Buffer).map((frame) => frame.data)]);
    if (output.length > OUTPUT_BYTES) output = output.subarray(output.length - OUTPUT_BYTES);
  }
  return output.toString();
}

async function killExec(running: Exec, dockerId: string): Promise<void> {
  const { Pid, Running } = await running.inspect().catch(() => ({ Pid: 0, Running: false }));
  if (Running) await killTree(Pid, dockerId);
}

const tooLate = (timeoutMs: number): MezzoError =>
  new MezzoError('EXEC_TIMEOUT', `the command did not end within ${timeoutMs} ms and was killed`, { blame: 'user' });

const failed = (error: unknown): MezzoError =>
  new MezzoError('EXEC_FAILED', `the command could not be run: ${reasonOf(error)}`, {
    blame: 'environment',
    retryable: true,
    cause: error,
  });
