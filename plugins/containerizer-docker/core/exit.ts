import type { ContainerExit } from '@mezzo/sdk/points/containerizer';

/** Of State in the answer of `inspect`. */
export interface EngineState {
  readonly ExitCode: number;
  readonly OOMKilled: boolean;
  readonly Error?: string;
}

const SIGKILL_CODE = 137;
const SIGTERM_CODE = 143;

/** The engine tells a signal as 128 + its number: taken for one where it can hardly be a code. */
export function engineExit(state: EngineState, memLimitMib: number | undefined, terminated: boolean): ContainerExit {
  const { ExitCode: code, OOMKilled, Error: error } = state;
  const signal = code === SIGKILL_CODE ? 'SIGKILL' : code === SIGTERM_CODE && terminated ? 'SIGTERM' : undefined;
  const how = signal === undefined ? { code } : { signal };
  if (OOMKilled && code !== 0)
    return { ...how, limitation: 'oom', message: `Memory limit exceeded: ${memLimitMib ?? '?'} MiB` };
  if (signal !== undefined) return { signal, message: `Container terminated with signal ${signal}` };
  const reason = error ? `: ${error}` : '';
  return { code, message: `Container exited with status ${code}${reason}` };
}

export const UNKNOWN_EXIT: ContainerExit = {
  limitation: 'unknown',
  message: 'Container was removed from the Docker Engine by somebody else',
};

/** When the engine was away, by the clock: `toMs` is infinite while it is. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * An engine that dies amid the end of a container may have lost how it ended, and says 0 of it once it is started again, as if it
 * had ended then. Told as that, work that was not done would pass for done.
 */
export const isForgotten = (code: number, startedMs: number, finishedMs: number, outage: Outage | undefined): boolean =>
  outage !== undefined &&
  code === 0 &&
  startedMs < outage.fromMs &&
  finishedMs >= outage.fromMs &&
  finishedMs <= outage.toMs;

export const FORGOTTEN_EXIT: ContainerExit = {
  limitation: 'unknown',
  message: 'Container ended while the Docker Engine was away, which does not know how',
};
