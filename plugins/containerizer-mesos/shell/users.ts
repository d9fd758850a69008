import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { launchFailed } from '../core/spec-check.js';
import type { RunAs } from '../core/run-script.js';

const ASK_TIMEOUT_MS = 5_000;

/** Undefined = the agent's own user, nothing to switch. `1000` and `1000:1000` work without a name. */
export async function findUser(user: string | undefined): Promise<RunAs | undefined> {
  if (user === undefined || user === '') return undefined;
  const found = await lookUp(user);
  if (found === undefined)
    throw launchFailed(`user "${user}" is not known on this machine`, 'user', {
      next: 'name a user of the agents, or leave it out',
    });
  const own = process.getuid?.() ?? 0;
  if (found.uid === own) return undefined;
  if (own !== 0)
    throw launchFailed(`the agent runs as ${userInfo().username} and cannot become "${user}"`, 'operator', {
      next: 'run the agent as root, or let tasks name no user',
    });
  return found;
}

/** Looks in /etc/passwd, then asks the name service, where users of a directory server are. */
async function lookUp(user: string): Promise<RunAs | undefined> {
  const numbers = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user);
  const wanted = numbers !== null && numbers[2] === undefined ? numbers[1] : undefined;
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  const known = lines.find(([name, , uid]) => name === user || (wanted !== undefined && uid === wanted));
  if (known !== undefined) return { uid: Number(known[2]), gid: Number(known[3]), groups: true };
  if (numbers !== null) return { uid: Number(numbers[1]), gid: Number(numbers[2] ?? numbers[1]), groups: false };
  const [, , uid, gid] = (await askNameService(user)).split(':');
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid), groups: true };
}

async function askNameService(user: string): Promise<string> {
  if (!/^[A-Za-z0-9._][A-Za-z0-9._@-]*$/.test(user)) return '';
  return new Promise((resolve) => {
    execFile('getent', ['passwd', user], { timeout: ASK_TIMEOUT_MS }, (error, stdout) =>
      resolve(error === null ? (stdout.split('\n')[0] ?? '') : ''),
    );
  });
}
