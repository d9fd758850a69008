import { randomUUID } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { encodeRecord, RecordDecoder } from '@mezzo/sdk/api';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Cluster } from './cluster.js';
import { wordsOf } from './http.js';

/** A container as the API names it. */
export interface ContainerId {
  readonly value: string;
  readonly parent?: ContainerId;
}

export interface Terminal {
  readonly rows: number;
  readonly columns: number;
}

const STREAM_IN = { 'content-type': 'application/recordio', 'message-content-type': 'application/json' };
const STREAM_OUT = { 'content-type': 'application/json', accept: 'application/recordio' };

interface ProcessIo {
  readonly data?: { readonly type: string; readonly data: string };
}

/** A command in the container of a task: it ends when this process leaves. */
export class Session {
  private readonly containerId: ContainerId;
  private input!: ClientRequest;
  private response!: IncomingMessage;

  private constructor(
    private readonly cluster: Cluster,
    private readonly agentId: string,
    parent: ContainerId,
  ) {
    this.containerId = { value: randomUUID(), parent };
  }

  /** Rejects with EXEC_REFUSED in the agent's words. */
  static async start(
    cluster: Cluster,
    agentId: string,
    parent: ContainerId,
    argv: readonly string[],
    terminal: Terminal | undefined,
  ): Promise<Session> {
    const session = new Session(cluster, agentId, parent);
    const variables = terminal === undefined ? [] : [{ name: 'TERM', value: process.env.TERM ?? 'xterm' }];
    await session.open({
      container_id: session.containerId,
      command: { shell: false, value: argv[0], arguments: argv, environment: { variables } },
      ...(terminal && { container: { type: 'MESOS', tty_info: { window_size: terminal } } }),
    });
    await session.attach();
    return session;
  }

  private async open(launch: object): Promise<void> {
    const { request, response } = await this.cluster.open(this.path, 'POST', STREAM_OUT);
    request.end(JSON.stringify({ type: 'LAUNCH_NESTED_CONTAINER_SESSION', launch_nested_container_session: launch }));
    this.response = await response;
    if (this.response.statusCode !== 200) throw await refused(this.response);
  }

  /** Copies what the command prints, until it is over. */
  async output(write: (from: 'stdout' | 'stderr', data: Buffer) => void): Promise<void> {
    const decoder = new RecordDecoder();
    for await (const chunk of this.response as AsyncIterable<Buffer>)
      for (const record of decoder.push(chunk)) {
        const { data } = JSON.parse(Buffer.from(record).toString()) as ProcessIo;
        if (data) write(data.type === 'STDERR' ? 'stderr' : 'stdout', Buffer.from(data.data, 'base64'));
      }
  }

  /** An empty one is the end of its input. */
  write(data: Uint8Array): void {
    this.send({ type: 'DATA', data: { type: 'STDIN', data: Buffer.from(data).toString('base64') } });
  }

  resize(window_size: Terminal): void {
    this.send({ type: 'CONTROL', control: { type: 'TTY_INFO', tty_info: { window_size } } });
  }

  /** How it ended, as shells say it. */
  async exitCode(): Promise<number> {
    this.input.end();
    const { wait_nested_container: end } = await this.cluster.json<{
      wait_nested_container: { exit_status?: number };
    }>(this.path, {
      method: 'POST',
      body: { type: 'WAIT_NESTED_CONTAINER', wait_nested_container: { container_id: this.containerId } },
    });
    const status = end.exit_status ?? 0xff00;
    return (status & 0x7f) === 0 ? status >> 8 : 128 + (status & 0x7f);
  }

  private get path(): string {
    return `/agent/${this.agentId}/api/v1`;
  }

  private send(process_io: object): void {
    this.input.write(record({ type: 'PROCESS_IO', process_io }));
  }

  private async attach(): Promise<void> {
    const { request, response } = await this.cluster.open(this.path, 'POST', STREAM_IN);
    // What goes wrong here is seen in the output, which is over then.
    response.then((answer) => answer.resume()).catch(() => {});
    request.write(record({ type: 'CONTAINER_ID', container_id: this.containerId }));
    this.input = request;
  }
}

const record = (attach_container_input: object): Buffer =>
  encodeRecord(JSON.stringify({ type: 'ATTACH_CONTAINER_INPUT', attach_container_input }));

async function refused(response: IncomingMessage): Promise<MezzoError> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return new MezzoError('EXEC_REFUSED', `the agent answered ${response.statusCode}: ${wordsOf(text)}`, {
    blame: 'user',
    next: 'see that the task runs, and not in Docker: `mezzo task list`',
  });
}
