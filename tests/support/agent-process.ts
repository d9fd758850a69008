import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** An agent in a process of its own (`agent-process-main.ts`, bundled), to be killed at any moment. */
export class AgentProcess {
  readonly ended: Promise<number | null>;
  /** What it complained about when it could not start. */
  complaint = '';
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number | undefined,
    complaint: () => string,
  ) {
    this.ended = endOf(child).then((code) => {
      this.complaint = complaint();
      return code;
    });
  }

  /** Resolves when it serves, or has ended without: then it has no port. `through`: the command that starts it. */
  static async start(argv: readonly string[], through: readonly string[] = []): Promise<AgentProcess> {
    const [program = process.execPath, ...args] = [...through, process.execPath, ...argv];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    const line = new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
    const said = await Promise.race([line, endOf(child).then(() => '')]);
    const port = /^serves (\d+)$/.exec(said)?.[1];
    return new AgentProcess(child, port === undefined ? undefined : Number(port), () => complaint);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}

const endOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', resolve);
  });
