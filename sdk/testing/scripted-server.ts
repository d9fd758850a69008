import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeRecord } from '../api/recordio.js';

export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly call: Record<string, unknown>;
}

export type Script = (call: Received, response: ServerResponse, index: number) => void;

/** For the tests of the clients: answers each request by a script and remembers what was asked. */
export class ScriptedServer {
  readonly received: Received[] = [];
  private constructor(
    private readonly server: Server,
    public script: Script,
  ) {}

  static async start(script: Script): Promise<ScriptedServer> {
    const server = createServer();
    const scripted = new ScriptedServer(server, script);
    server.on('request', (request, response) => void scripted.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  calls(type: string): Received[] {
    return this.received.filter(({ call }) => call['type'] === type);
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const received = {
      path: request.url ?? '',
      headers: request.headers,
      call: JSON.parse(text) as Record<string, unknown>,
    };
    this.received.push(received);
    this.script(received, response, this.received.length - 1);
  }
}

/** Opens the stream with these events and leaves it open. */
export function stream(response: ServerResponse, ...events: object[]): void {
  if (!response.headersSent) response.writeHead(200, { 'mesos-stream-id': 'stream-1' });
  for (const event of events) response.write(encodeRecord(JSON.stringify(event)));
}

export function answer(
  response: ServerResponse,
  status: number,
  text = '',
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, headers).end(text);
}
