import { readdirSync, readFileSync } from 'node:fs';
import type { StdioOptions } from 'node:child_process';

const CLOSE_ON_EXEC = 0o2000000;

/** Descriptors that this process was started with and would hand on to its children: a terminal's, a test runner's, a lock's. */
function strayDescriptors(): number[] {
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

/** Three pipes, and `nothing` (a descriptor of /dev/null) in the place of every stray: tasks would keep them open for as long as they live. */
export function pipesOnly(nothing: number): StdioOptions {
  const strays = new Set(strayDescriptors());
  const count = Math.max(2, ...strays) + 1;
  return Array.from({ length: count }, (_, fd) => (fd < 3 ? 'pipe' : strays.has(fd) ? nothing : 'ignore'));
}
