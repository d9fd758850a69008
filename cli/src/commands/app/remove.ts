import { setTimeout as sleep } from 'node:timers/promises';
import { Args } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { appPath, findApp, MARATHON } from '../../up/deploy.js';

const TIMEOUT_MS = 120_000;

export default class AppRemove extends MezzoCommand {
  static override summary = 'Remove an app and end its tasks';
  static override enableJsonFlag = true;
  static override args = { id: Args.string({ required: true, description: 'id of the app' }) };
  static override flags = clusterFlags;

  async run(): Promise<{ id: string }> {
    const { args, flags } = await this.parse(AppRemove);
    const cluster = await this.cluster(flags);
    const { deploymentId } = await cluster.json<{ deploymentId: string }>(appPath(args.id), { method: 'DELETE' });
    for (const deadline = Date.now() + TIMEOUT_MS; ; await sleep(100)) {
      const deployments = await cluster.json<{ id: string }[]>(`${MARATHON}/v2/deployments`);
      if (!deployments.some(({ id }) => id === deploymentId) && (await findApp(cluster, args.id)) === undefined) break;
      if (Date.now() > deadline)
        throw new MezzoError('REMOVE_SLOW', `${args.id} is still ending after ${TIMEOUT_MS / 1000} s`, {
          blame: 'user',
          next: 'look at `mezzo task list`: a task may ignore SIGTERM for its grace period',
        });
    }
    this.log(`${args.id} was removed`);
    return { id: args.id };
  }
}
