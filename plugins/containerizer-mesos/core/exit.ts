import type { ContainerExit } from '@mezzo/sdk/points/containerizer';

/** Linux numbers them so on all common machines. */
const SIGNALS = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT ' +
  'CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
)
  .split(' ')
  .map((name) => `SIG${name}`);
const SIGINT = 2;
const SIGKILL = 9;
const SIGPIPE = 13;

/** A shell says nothing when one of these ended its child, so that the status alone must do. */
const SILENT: readonly number[] = [SIGINT, SIGPIPE];

export interface ExitLine {
  readonly status: number;
  readonly signal?: string;
}

/** The shim's "STATUS HOW"; undefined while the line is not whole. */
export function parseExitLine(text: string): ExitLine | undefined {
  const match = /^(\d+) (.*)\n/.exec(text);
  if (match === null) return undefined;
  const status = Number(match[1]);
  const number = status - 128;
  const signalled = number > 0 && (match[2] !== '' || SILENT.includes(number));
  return signalled ? { status, signal: SIGNALS[number - 1] ?? `SIG${number}` } : { status };
}

/** `outOfMemoryMib`: the kernel killed in it for want of memory, this was the bound. */
export function containerExit(line: ExitLine, outOfMemoryMib: number | undefined): ContainerExit {
  const { status, signal } = line;
  // The shell of a task says 137 when the kernel took its child.
  const killed = signal === 'SIGKILL' || status === 128 + SIGKILL;
  const how = signal === undefined ? { code: status } : { signal };
  if (killed && outOfMemoryMib !== undefined)
    return { ...how, limitation: 'oom', message: `Memory limit exceeded: ${outOfMemoryMib} MiB` };
  if (signal !== undefined) return { signal, message: `Command terminated with signal ${signal}` };
  return { code: status, message: `Command exited with status ${status}` };
}

export const UNKNOWN_EXIT: ContainerExit = {
  limitation: 'unknown',
  message: 'Container ended while nobody could watch, how is not known',
};
