import { Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { localToken } from '../../lib/cluster.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { WorkDir } from '../../lib/workdir.js';

export default class AuthToken extends MezzoCommand {
  static override summary = 'Print a token for scripts';
  static override examples = [
    'curl -H "Authorization: token=$(<%= config.bin %> auth token)" http://127.0.0.1:8000/mesos/state',
  ];
  static override enableJsonFlag = true;
  static override flags = {
    ...clusterFlags,
    ttl: Flags.integer({
      description: 'seconds that a token made from the local key lasts',
      default: 172_800,
      min: 1,
      max: 31_536_000,
    }),
  };

  async run(): Promise<{ token: string }> {
    const { flags } = await this.parse(AuthToken);
    const workDir = new WorkDir(flags['work-dir']);
    const local = flags.url === undefined && flags.context === undefined && workDir.cluster !== undefined;
    const token = local ? await localToken(workDir, flags.ttl) : (await this.cluster(flags)).token;
    if (token === '')
      throw new MezzoError('NOT_LOGGED_IN', 'no token is known for this cluster', {
        blame: 'user',
        next: 'sign in: `mezzo auth login --url URL`',
      });
    this.log(token);
    return { token };
  }
}
