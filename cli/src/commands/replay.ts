import { Args, Flags } from '@oclif/core';
import { MezzoCommand } from '../lib/command.js';
import { run } from '../lib/run-daemon.js';

export default class Replay extends MezzoCommand {
  static override summary = 'Step through what `mezzo master --record FILE` wrote, and say whether it goes as it went';
  static override description =
    'One line for each event: number, time, type, and what it is about. Ends with 1 when a step does something else than it did.';
  static override examples = [
    '<%= config.bin %> replay /var/log/mezzo/master.rec --no-events --state',
    '<%= config.bin %> replay master.rec --from 2026-11-26T10:00:00Z --until 2026-11-26T10:01:00Z --effects',
  ];
  static override args = { file: Args.string({ required: true, description: 'the recording; FILE.1 is read first' }) };
  static override flags = {
    from: Flags.string({ description: 'first event to show', helpValue: 'NUMBER|TIME' }),
    until: Flags.string({ description: 'last event to step through', helpValue: 'NUMBER|TIME' }),
    effects: Flags.boolean({ description: 'show what each event led to' }),
    events: Flags.boolean({ description: 'show events', allowNo: true, default: true }),
    state: Flags.boolean({ description: 'show what the state holds in the end' }),
    json: Flags.boolean({ description: 'a JSON object a line, with all of each event: secrets of tasks too' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Replay);
    const given = Object.entries({ file: args.file, ...flags }).map(([name, value]) => `--${name}=${value}`);
    process.exitCode = await run('replay', given);
  }
}
