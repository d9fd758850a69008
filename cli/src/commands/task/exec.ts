import { Args, Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { Session, type Terminal } from '../../lib/session.js';
import { findTask } from '../../lib/tasks.js';

const END = Buffer.alloc(0);

export default class TaskExec extends MezzoCommand {
  static override summary = 'Run a command in the container of a task';
  static override examples = [
    '<%= config.bin %> task exec hello -- ls -l',
    '<%= config.bin %> task exec -it hello -- /bin/sh',
    'echo text | <%= config.bin %> task exec -i hello -- cat',
  ];
  static override strict = false;
  static override args = { task: Args.string({ required: true, description: 'id, or a part of it that is unique' }) };
  static override flags = {
    ...clusterFlags,
    interactive: Flags.boolean({ char: 'i', description: 'pass standard input on' }),
    tty: Flags.boolean({ char: 't', description: 'give it a terminal' }),
  };

  async run(): Promise<void> {
    const { args, argv, flags } = await this.parse(TaskExec);
    const command = (argv as string[]).slice(1);
    if (command.length === 0)
      throw new MezzoError('NO_COMMAND', 'there is no command to run', {
        blame: 'user',
        next: `write it at the end: mezzo task exec ${args.task} -- ls`,
      });
    const cluster = await this.cluster(flags);
    const task = await findTask(cluster, args.task);
    if (task.container === undefined)
      throw new MezzoError('NO_CONTAINER', `task ${task.id} is ${task.state} and has no container`, { blame: 'user' });
    const terminal = flags.tty ? terminalSize() : undefined;
    const session = await Session.start(cluster, task.agentId, task.container, command, terminal);
    this.feed(session, flags.interactive, terminal !== undefined);
    await session.output((from, data) => void process[from].write(data));
    process.exitCode = await session.exitCode();
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.destroy();
  }

  private feed(session: Session, interactive: boolean, tty: boolean): void {
    if (!interactive) return session.write(END);
    const { stdin, stdout } = process;
    if (tty && stdin.isTTY) stdin.setRawMode(true);
    if (tty) stdout.on('resize', () => session.resize(terminalSize()));
    stdin.on('data', (data: Buffer) => session.write(data));
    // A terminal hears of the end as of a key: Ctrl-D.
    stdin.on('end', () => session.write(tty ? Buffer.from([4]) : END));
  }
}

const terminalSize = (): Terminal => ({ rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 });
