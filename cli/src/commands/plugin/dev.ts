import { Args, Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { developPlugin } from '../../plugin/dev.js';
import { watchFlags } from '../../plugin/flags.js';

/** npm and the terminal may both hand the same Ctrl-C on. */
const SAME_SIGNAL_MS = 1000;

export default class PluginDev extends MezzoCommand {
  static override summary = 'Run the plugin of a directory in the cluster, anew after each save';
  static override description =
    'Installs it unsigned under versions of its own (1.0.0-dev.N) and shows what it writes. Its commands are on mezzo of this machine meanwhile. Ctrl-C puts back what was installed before, or removes it.';
  static override examples = ['<%= config.bin %> plugin dev ./squares'];
  static override args = { dir: Args.directory({ default: '.', description: 'holds package.json' }) };
  static override flags = {
    ...clusterFlags,
    keep: Flags.boolean({ description: 'leave the last version installed' }),
    timeout: watchFlags.timeout,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PluginDev);
    await developPlugin(await this.cluster(flags), args.dir, {
      keep: flags.keep,
      timeoutMs: flags.timeout * 1000,
      commandsOf: this.config,
      say: (line) => this.log(line),
      signal: interrupted(),
    });
  }
}

/** Aborted by Ctrl-C; another one ends the process at once. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  let firstAtMs = Infinity;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (Date.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(130);
      firstAtMs = Math.min(firstAtMs, Date.now());
      controller.abort();
    });
  return controller.signal;
}
