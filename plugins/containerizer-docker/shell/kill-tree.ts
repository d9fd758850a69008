import { readdir, readFile } from 'node:fs/promises';

/**
 * Ends a process of a container and all below it. The engine has no call for it; works where its processes are seen, on the same
 * machine and as root. Answers whether anything was signalled.
 */
export async function killTree(pid: number, dockerId: string): Promise<boolean> {
  const cgroups = await readFile(`/proc/${pid}/cgroup`, 'latin1').catch(() => '');
  // The engine may be on another machine, and the number somebody else's.
  if (pid <= 1 || !cgroups.includes(dockerId)) return false;
  const parents = await parentsByPid();
  const doomed = new Set([pid]);
  for (let before = 0; before !== doomed.size;) {
    before = doomed.size;
    for (const [child, parent] of parents) if (doomed.has(parent)) doomed.add(child);
  }
  for (const one of doomed) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It was faster.
    }
  }
  return true;
}

async function parentsByPid(): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!(pid > 0)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  return parents;
}
