import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { StdioOptions } from 'node:child_process';

const CLOSE_ON_EXEC = 0o2000000;

/**
 * Descriptors that children would be handed: a terminal's, a test runner's, a lock's, the connections of an addon in C. Of a
 * connection that a child holds, too, closing it here is no end: the loop goes on to be told of it, in place of the next one of that number.
 */
function strayDescriptors(): number[] {
  if (!existsSync('/proc/self/fdinfo')) return [];
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && (flagsOf(fd) & CLOSE_ON_EXEC) === 0);
}

function flagsOf(fd: number): number {
  try {
    return parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '', 8);
  } catch {
    // The one that listed the others.
    return CLOSE_ON_EXEC;
  }
}

/** For what is started to live long: `start` gets the stdio of the child, with /dev/null in the place of every stray. Answers what it does. */
export function withoutStrays<T>(own: readonly ('pipe' | 'ignore' | number)[], start: (stdio: StdioOptions) => T): T {
  const strays = new Set(strayDescriptors());
  const nothing = openSync('/dev/null', 'r+');
  try {
    const count = Math.max(own.length - 1, ...strays) + 1;
    return start(Array.from({ length: count }, (_, fd) => own[fd] ?? (strays.has(fd) ? nothing : 'ignore')));
  } finally {
    closeSync(nothing);
  }
}
