import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { launchFailed } from '../core/spec-check.js';
import type { RunAs } from '../core/run-script.js';

/** Undefined = the agent's own user, nothing to switch. Names are those of /etc/passwd; `1000` and `1000:1000` work without. */
export async function findUser(user: string | undefined): Promise<RunAs | undefined> {
  if (user === undefined || user === '') return undefined;
  const found = await lookUp(user);
  if (found === undefined)
    throw launchFailed(`user "${user}" is not known on this machine`, 'user', {
      next: 'name a user of /etc/passwd of the agents, or leave it out',
    });
  const own = process.getuid?.() ?? 0;
  if (found.uid === own) return undefined;
  if (own !== 0)
    throw launchFailed(`the agent runs as ${userInfo().username} and cannot become "${user}"`, 'operator', {
      next: 'run the agent as root, or let tasks name no user',
    });
  return found;
}

async function lookUp(user: string): Promise<RunAs | undefined> {
  const numbers = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user);
  for (const line of (await readFile('/etc/passwd', 'utf8')).split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === user || (numbers !== null && numbers[2] === undefined && uid === numbers[1]))
      return { uid: Number(uid), gid: Number(gid), groups: true };
  }
  return numbers === null
    ? undefined
    : { uid: Number(numbers[1]), gid: Number(numbers[2] ?? numbers[1]), groups: false };
}
