import { encodeMessage, messageToJson, type AgentProcessIO } from '@mezzo/sdk/api';
import type { ContainerOutput, ContainerStreams } from '@mezzo/sdk/points/containerizer';
import type { SessionStreams } from '../../shell/agent/agent-host.js';
import { JSON_TYPE, type MessageType } from '../answer.js';
import type { RecordStream } from '../stream.js';

const HEARTBEAT_MS = 30_000;
/** Who asked for it may be gone before it is up: then its output goes nowhere. */
const UNCLAIMED_MS = 30_000;

interface Reader {
  readonly stream: RecordStream;
  readonly type: MessageType;
}

/** One container with streams, and who looks on. The first reader is the one that asked for it: the container waits for it. */
export class Session {
  private readonly readers = new Set<Reader>();
  private pumping = false;
  /** One at a time writes to it. */
  inputTaken = false;
  readonly ended: Promise<void>;
  private end!: () => void;
  private readonly unclaimed: NodeJS.Timeout;

  constructor(
    readonly streams: ContainerStreams,
    private readonly forget: () => void,
  ) {
    this.ended = new Promise((resolve) => (this.end = resolve));
    this.unclaimed = setTimeout(() => this.pump(), UNCLAIMED_MS).unref();
  }

  /** Sees what is printed from now on; the first one all of it. */
  follow(stream: RecordStream, type: MessageType): void {
    const reader = { stream, type };
    this.readers.add(reader);
    stream.beat(encode(HEARTBEAT, type), HEARTBEAT_MS);
    this.pump();
  }

  /** Takes what is printed, also when nobody looks on (any more), until it is over. */
  pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    clearTimeout(this.unclaimed);
    void this.copy()
      .catch(() => {})
      .finally(() => {
        for (const { stream } of this.readers) stream.close();
        this.forget();
        this.end();
      });
  }

  private async copy(): Promise<void> {
    for await (const chunk of this.streams.output()) {
      const message = dataOf(chunk);
      const encoded = new Map<MessageType, string | Uint8Array>();
      const [owner] = this.readers;
      for (const reader of this.readers) {
        const record = encoded.get(reader.type) ?? encode(message, reader.type);
        encoded.set(reader.type, record);
        if (!reader.stream.send(record)) this.readers.delete(reader);
      }
      await owner?.stream.drained();
    }
  }
}

/** The containers with streams that run. */
export class SessionHub implements SessionStreams {
  private readonly sessions = new Map<string, Session>();

  add(containerId: string, streams: ContainerStreams): void {
    this.sessions.set(containerId, new Session(streams, () => this.sessions.delete(containerId)));
  }

  find(containerId: string): Session | undefined {
    return this.sessions.get(containerId);
  }
}

const dataOf = ({ from, data }: ContainerOutput): AgentProcessIO => ({
  type: 'DATA',
  data: { type: from === 'stdout' ? 'STDOUT' : 'STDERR', data: Buffer.from(data).toString('base64') },
});

const HEARTBEAT: AgentProcessIO = {
  type: 'CONTROL',
  control: { type: 'HEARTBEAT', heartbeat: { interval: { nanoseconds: HEARTBEAT_MS * 1_000_000 } } },
};

const encode = (message: AgentProcessIO, type: MessageType): string | Uint8Array =>
  type === JSON_TYPE
    ? messageToJson('mesos.v1.agent.ProcessIO', message)
    : encodeMessage('mesos.v1.agent.ProcessIO', message);
