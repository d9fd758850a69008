import { setTimeout as sleep } from 'node:timers/promises';
import { Args, Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { agentPath } from '../../plugin/nodes.js';

const FOLLOW_EVERY_MS = 500;
const FOLLOW_BYTES = 256 * 1024;

export default class PluginLogs extends MezzoCommand {
  static override summary = 'Read what a plugin in a process of its own has written last';
  static override examples = ['<%= config.bin %> plugin logs marathon -f'];
  static override args = { id: Args.string({ required: true }) };
  static override flags = {
    ...clusterFlags,
    follow: Flags.boolean({ char: 'f', description: 'go on as it writes more' }),
    lines: Flags.integer({ char: 'n', description: 'how many lines', default: 50, min: 1 }),
    agent: Flags.string({
      description: 'on this agent: its id, the end of it, or its host name (default: the leading master)',
      helpValue: 'ID',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PluginLogs);
    const cluster = await this.cluster(flags);
    const base = flags.agent === undefined ? '/mesos' : await agentPath(cluster, flags.agent);
    const read = async (): Promise<string[]> => {
      const { status, text } = await cluster.raw(`${base}/plugins/v1/plugins/${args.id}/log?bytes=${FOLLOW_BYTES}`);
      if (status !== 200) await cluster.json(`${base}/plugins/v1/plugins/${args.id}/log`);
      return text.split('\n').filter((line) => line !== '');
    };
    let lines = await read();
    for (const line of lines.slice(-flags.lines)) this.log(line);
    while (flags.follow) {
      await sleep(FOLLOW_EVERY_MS);
      const now = await read().catch(() => lines);
      const last = lines.at(-1);
      const at = last === undefined ? -1 : now.lastIndexOf(last);
      for (const line of now.slice(at + 1)) this.log(line);
      lines = now;
    }
  }
}
