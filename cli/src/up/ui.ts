/** Progress of `up`, one line a step, plain text: the same on a terminal, in a pipe and in the log of a detached start. */
export interface Progress {
  step(text: string): void;
  warn(text: string): void;
}

export function lineProgress(write: (line: string) => void, nowMs: () => number = Date.now): Progress {
  const start = nowMs();
  const elapsed = () => `${((nowMs() - start) / 1000).toFixed(1)}s`.padStart(6);
  return {
    step: (text) => write(`${elapsed()}  ${text}`),
    warn: (text) => write(`${elapsed()}  ! ${text}`),
  };
}
