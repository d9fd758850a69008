import { Args, Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { findNode } from '../../lib/nodes.js';
import { followLog, readLog } from '../../plugin/log-tail.js';

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
    const at = flags.agent === undefined ? '/mesos' : `/agent/${(await findNode(cluster, flags.agent)).id}`;
    const log = { cluster, at, id: args.id };
    const lines = await readLog(log);
    for (const line of lines.slice(-flags.lines)) this.log(line);
    if (flags.follow) for await (const line of followLog(log, lines)) this.log(line);
  }
}
