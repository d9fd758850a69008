import { Agent, request, type IncomingMessage } from 'node:http';
import { RecordDecoder } from '@mezzo/sdk/api';

const POOL = new Agent({ keepAlive: true, maxSockets: 64 });

export interface Answer {
  readonly status: number;
  readonly bytes: number;
}

/** One request on a pool of connections; the body of the answer is counted and dropped. */
export async function ask(
  url: string,
  method: 'GET' | 'POST',
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Answer> {
  const answer = await open(url, method, headers, body, POOL);
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await new Promise((resolve, reject) => answer.on('end', resolve).on('error', reject));
  return { status: answer.statusCode!, bytes };
}

export function open(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
  agent: Agent | false,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, agent: agent as Agent, headers: { ...headers, ...lengthOf(body) } }, resolve);
    call.on('error', reject).end(body);
  });
}

const lengthOf = (body: string | undefined): Record<string, string> =>
  body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };

/** Posts, and reads the records of the stream that is the answer as they come. Answers the headers. */
export async function stream(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  onRecord: (record: unknown) => void,
): Promise<IncomingMessage> {
  const answer = await open(url, 'POST', headers, body, false);
  if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`);
  const decoder = new RecordDecoder();
  answer.on('data', (chunk: Buffer) => {
    for (const record of decoder.push(chunk)) onRecord(JSON.parse(Buffer.from(record).toString('utf8')));
  });
  answer.on('error', () => undefined);
  return answer;
}

/** Posts, and reads the first record of the stream that is the answer, however long; leaves then. */
export async function firstRecord(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Answer> {
  const answer = await open(url, 'POST', headers, body, false);
  let missing: number | undefined;
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // The length comes in one piece with what is before it.
    missing ??= Number(chunk.toString('latin1', 0, chunk.indexOf('\n'))) + chunk.indexOf('\n') + 1;
    if (bytes >= missing) break;
  }
  answer.destroy();
  return { status: answer.statusCode!, bytes };
}
