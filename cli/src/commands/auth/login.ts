import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { saveContext } from '../../lib/cluster.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { http, wordsOf } from '../../lib/http.js';
import { WorkDir } from '../../lib/workdir.js';

export default class AuthLogin extends MezzoCommand {
  static override summary = 'Sign in to a cluster and remember it';
  static override description =
    'The password is asked for, or read from MEZZO_PASSWORD or from standard input when that is a pipe: never from the command line, where others can see it.';
  static override flags = {
    url: clusterFlags.url,
    'work-dir': clusterFlags['work-dir'],
    context: Flags.string({ description: 'name to remember it by', default: 'default', helpValue: 'NAME' }),
    user: Flags.string({ description: 'user id', default: 'admin', env: 'MEZZO_USER' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(AuthLogin);
    const url = (flags.url ?? new WorkDir(flags['work-dir']).cluster?.routerUrl)?.replace(/\/+$/, '');
    if (url === undefined)
      throw new MezzoError('NO_CLUSTER', 'which cluster? None runs here', { blame: 'user', next: 'give --url URL' });
    const answer = await http(`${url}/acs/api/v1/auth/login`, {
      method: 'POST',
      body: { uid: flags.user, password: await this.password() },
    });
    if (answer.status !== 200) {
      throw new MezzoError(
        'LOGIN_REFUSED',
        `the cluster refused the login (${answer.status}): ${describe(answer.text)}`,
        { blame: 'user', next: 'check user and password' },
      );
    }
    const { token } = JSON.parse(answer.text) as { token: string };
    saveContext(flags.context, { url, token });
    this.log(`signed in to ${url} as ${flags.user}; remembered as '${flags.context}'`);
  }

  private async password(): Promise<string> {
    if (process.env.MEZZO_PASSWORD !== undefined) return process.env.MEZZO_PASSWORD;
    if (!process.stdin.isTTY) {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks)
        .toString('utf8')
        .replace(/\r?\n$/, '');
    }
    process.stderr.write('Password: ');
    // The terminal echoes through readline's output, so an output that swallows hides what is typed.
    const swallow = new Writable({ write: (_chunk, _encoding, done) => done() });
    const muted = createInterface({ input: process.stdin, output: swallow, terminal: true });
    try {
      return await muted.question('');
    } finally {
      muted.close();
      process.stderr.write('\n');
    }
  }
}

function describe(text: string): string {
  try {
    return (JSON.parse(text) as { description?: string }).description ?? wordsOf(text);
  } catch {
    return wordsOf(text);
  }
}
