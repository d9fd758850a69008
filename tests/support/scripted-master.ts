import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeRecord } from '@mezzo/sdk/api';
import type { AgentSubscribe, DownMessage, UpBatch, UpCall } from '../../kernel/core/protocol.js';
import { fromWireJson, toWireJson } from '../../kernel/shell/wire-json.js';

/** Speaks the protocol as a master does, and keeps what it hears. */
export class ScriptedMaster {
  readonly subscribed: AgentSubscribe[] = [];
  readonly batches: UpBatch[] = [];
  readonly authorizations: (string | undefined)[] = [];
  calls: UpCall[] = [];
  answerCalls = 202;
  private stream: ServerResponse | undefined;
  private seq = 0;
  private readonly server: Server = createServer((request, response) => void this.serve(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  send(message: DownMessage): void {
    this.stream?.write(encodeRecord(toWireJson({ ...message, seq: ++this.seq })));
  }

  drop(): void {
    this.stream?.destroy();
  }

  get states(): string[] {
    return this.calls.flatMap((call) => (call.type === 'statusUpdate' ? [call.status.state] : []));
  }

  acknowledge(): void {
    const update = this.calls.filter((call) => call.type === 'statusUpdate').at(-1)!;
    const { frameworkId, status } = update;
    this.send({ type: 'acknowledge', frameworkId, taskId: status.taskId.value, uuid: status.uuid! });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = fromWireJson(Buffer.concat(chunks).toString('utf8'));
    if (request.url === '/agent/v1/calls') return this.take(body as UpBatch, response);
    this.authorizations.push(request.headers.authorization);
    this.subscribed.push(body as AgentSubscribe);
    response.writeHead(200, { 'Content-Type': 'application/recordio' });
    this.stream = response;
    this.seq = 0;
    const ping = { pingIntervalMs: 15_000, pingTimeoutMs: 75_000 };
    const session = `session-${this.subscribed.length}`;
    this.send({ type: 'registered', session, agentId: 'M-S0', masterId: 'M', epoch: 1, ...ping });
  }

  private take(batch: UpBatch, response: ServerResponse): void {
    if (this.answerCalls === 202) {
      this.batches.push(batch);
      this.calls.push(...batch.calls);
    }
    response.writeHead(this.answerCalls).end();
  }
}
