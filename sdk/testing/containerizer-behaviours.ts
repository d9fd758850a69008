import type { ContainerCommand } from '../points/containerizer.js';

/** What the laws want of a task. Those that are said to be ready print the line "ready". */
export interface Behaviours {
  exits(code: number): ContainerCommand;
  /** One line to each stream, then ends. */
  prints(out: string, err: string, code?: number): ContainerCommand;
  /** Is ready; ends when there is a file or directory `go` in its sandbox. */
  waits(code: number): ContainerCommand;
  /** Is ready; ends on SIGTERM. */
  endsOnTerm(code: number): ContainerCommand;
  /** Is ready; ends on nothing but SIGKILL. */
  ignoresTerm(): ContainerCommand;
  /** Wants more and more of it. */
  eatsMemory(): ContainerCommand;
}

const sh = (text: string): ContainerCommand => ({ shell: true, argv: [text], env: {} });

export const SHELL_BEHAVIOURS: Behaviours = {
  exits: (code) => sh(`exit ${code}`),
  prints: (out, err, code = 0) => sh(`echo '${out}'; echo '${err}' >&2; exit ${code}`),
  waits: (code) => sh(`echo ready; while [ ! -e "$MESOS_SANDBOX/go" ]; do sleep 0.02; done; exit ${code}`),
  endsOnTerm: (code) => sh(`trap 'exit ${code}' TERM; echo ready; while :; do sleep 0.02; done`),
  ignoresTerm: () => sh(`trap '' TERM; echo ready; while :; do sleep 1; done`),
  eatsMemory: () => sh('x=0123456789abcdef; while :; do x=$x$x; done'),
};
