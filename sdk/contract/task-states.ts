const TERMINAL: ReadonlySet<string> = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

/** A task in this state runs no more. TASK_LOST counts: frameworks that are not partition-aware are told so of tasks that may come back. */
export const isTerminal = (state: string): boolean => TERMINAL.has(state);
