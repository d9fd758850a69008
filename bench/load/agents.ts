import type { IncomingMessage } from 'node:http';
import { randomUUID } from 'node:crypto';
import { digestOf } from '../../kernel/core/digest.js';
import { bookItems, type AgentTask, type DownRecord, type UpCall } from '../../kernel/core/protocol.js';
import { NO_HISTORY, subscribeOf } from './bodies.js';
import { headOf, type Channel } from './channel.js';
import { stream } from './http.js';

/** An agent as the master sees it, on a real stream: runs what it is told to at once, one batch of news under way at a time. */
export class EmulatedAgent {
  id: string | undefined;
  private readonly head: string;
  private session = '';
  private seq = 0;
  private seen = 0;
  private readonly news: UpCall[] = [];
  private isSending = false;
  private answer: IncomingMessage | undefined;

  constructor(
    private readonly url: string,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly number: number,
    /** For what it says; many may share one. */
    private channel: Channel,
  ) {
    this.head = headOf('/agent/v1/calls', headers);
  }

  static headers(token: string): Record<string, string> {
    return { Authorization: `Bearer ${token}`, 'Mezzo-Protocol': '1', 'Content-Type': 'application/json' };
  }

  /** The body that registers it, anew or with the id that it has. */
  body(history = NO_HISTORY): string {
    return JSON.stringify(subscribeOf(this.number, this.id, history));
  }

  /** The body that brings it back to the master that knows these tasks of it. */
  returnBody(tasks: readonly AgentTask[]): string {
    const { protocol, agentInfo, address, resources, version } = subscribeOf(this.number, this.id, NO_HISTORY);
    const items = tasks.map(({ frameworkId, info, state }) => bookItems.task(frameworkId, info.taskId.value, state));
    return JSON.stringify({ protocol, agentInfo, address, resources, version, digest: digestOf(items) });
  }

  /** Resolves once it is registered. */
  register(body: string, channel = this.channel): Promise<void> {
    this.channel = channel;
    this.seq = 0;
    this.news.length = 0;
    this.isSending = false;
    return new Promise((resolve, reject) => {
      const onRecord = (record: unknown): void => {
        const told = record as DownRecord;
        this.seen = told.seq;
        if (told.type === 'registered') {
          this.session = told.session;
          this.id = told.agentId;
          resolve();
        } else this.take(told);
      };
      stream(`${this.url}/agent/v1/subscribe`, this.headers, body, onRecord).then(
        (answer) => (this.answer = answer),
        reject,
      );
    });
  }

  leave(): Promise<void> {
    this.say({ type: 'unregister' });
    return new Promise((resolve) => this.answer!.once('close', resolve));
  }

  /** With the channel that it shares. */
  close(): void {
    this.answer?.destroy();
    this.channel.close();
  }

  private take(told: DownRecord): void {
    if (told.type === 'ping') this.say({ type: 'pong' });
    if (told.type !== 'runTask') return;
    const status = {
      taskId: told.task.taskId,
      state: 'TASK_RUNNING' as const,
      uuid: Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64'),
      source: 'SOURCE_EXECUTOR' as const,
      timestamp: Date.now() / 1000,
    };
    this.say({ type: 'statusUpdate', frameworkId: told.framework.id!.value, status, latestState: 'TASK_RUNNING' });
  }

  private say(call: UpCall): void {
    this.news.push(call);
    if (!this.isSending) void this.send();
  }

  private async send(): Promise<void> {
    this.isSending = true;
    // What else is told in this turn goes along.
    await Promise.resolve();
    while (this.news.length > 0) {
      const batch = { session: this.session, seq: ++this.seq, seen: this.seen, calls: this.news.splice(0) };
      const status = await this.channel.post(this.head, JSON.stringify(batch));
      if (status !== 202) throw new Error(`a batch was answered ${status}`);
    }
    this.isSending = false;
  }
}

/** All at once, `width` at a time. */
export async function each<T>(items: readonly T[], width: number, work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
