import { MezzoCommand } from '../lib/command.js';
import { runDaemon } from '../lib/run-daemon.js';

export default class Master extends MezzoCommand {
  static override summary =
    'Start a single master in the foreground, with Mesos-like flags (`mezzo master --help` lists them)';
  static override strict = false;

  async run(): Promise<void> {
    process.exitCode = await runDaemon('master', this.argv);
  }
}
