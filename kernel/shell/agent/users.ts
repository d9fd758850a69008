import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { MezzoError } from '@mezzo/sdk/contract';

export interface UnixUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Looks in /etc/passwd, then asks the name service. Rejects with NO_SUCH_USER. */
export async function findUser(name: string): Promise<UnixUser> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  const line = lines.find((l) => l.startsWith(`${name}:`)) ?? (await ask(name));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid !== undefined && gid !== undefined && name !== '') return { name, uid: Number(uid), gid: Number(gid) };
  throw new MezzoError('NO_SUCH_USER', `No such user '${name}'`, {
    blame: 'user',
    next: 'name a user of the machine, or none to run as the agent does',
  });
}

async function ask(name: string): Promise<string | undefined> {
  if (!/^[A-Za-z0-9._][A-Za-z0-9._-]*$/.test(name)) return undefined;
  const { stdout } = await promisify(execFile)('getent', ['passwd', name], { timeout: 5000 }).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n')[0] || undefined;
}
