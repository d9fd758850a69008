import { MezzoCommand } from '../lib/command.js';
import { runDaemon } from '../lib/run-daemon.js';

export default class Agent extends MezzoCommand {
  static override summary =
    'Start a single agent in the foreground, with Mesos-like flags (`mezzo agent --help` lists them)';
  static override strict = false;

  async run(): Promise<void> {
    process.exitCode = await runDaemon('agent', this.argv);
  }
}
