import { messageOf } from '@mezzo/sdk/contract';
import { ID_LABEL, OWNER_LABEL } from '../core/create-options.js';
import { jsonLines, type Engine } from './engine.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

export interface EngineListener {
  /** A container has ended. */
  died(containerId: string): void;
  /** Events flow, perhaps again: what happened meanwhile was not told. */
  connected(): Promise<void>;
  lost(reason: string): void;
}

/** One stream of events for all containers of an owner, opened anew whenever it breaks. */
export class EngineEvents {
  private readonly abort = new AbortController();
  private readonly loop: Promise<void>;

  constructor(
    private readonly engine: Engine,
    private readonly owner: string,
    private readonly listener: EngineListener,
  ) {
    this.loop = this.run();
  }

  async close(): Promise<void> {
    this.abort.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    for (let retryMs = FIRST_RETRY_MS; !this.abort.signal.aborted; retryMs = Math.min(LAST_RETRY_MS, retryMs * 2)) {
      try {
        const stream = await this.open();
        retryMs = FIRST_RETRY_MS;
        await this.read(stream);
        this.lost('it closed the stream of events');
      } catch (error) {
        this.lost(messageOf(error));
      }
      await pause(retryMs, this.abort.signal);
    }
  }

  private open(): Promise<NodeJS.ReadableStream> {
    const filters = { type: ['container'], event: ['die'], label: [`${OWNER_LABEL}=${this.owner}`] };
    return this.engine.streams.getEvents({ filters: JSON.stringify(filters), abortSignal: this.abort.signal });
  }

  private async read(stream: NodeJS.ReadableStream): Promise<void> {
    const lines = jsonLines(stream);
    // The engine has answered, so that nothing is missed from here on.
    const connected = this.listener.connected();
    for await (const event of lines) {
      const id = (event as { Actor?: { Attributes?: Record<string, string> } }).Actor?.Attributes?.[ID_LABEL];
      if (id !== undefined) this.listener.died(id);
    }
    await connected;
  }

  private lost(reason: string): void {
    if (!this.abort.signal.aborted) this.listener.lost(reason);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
