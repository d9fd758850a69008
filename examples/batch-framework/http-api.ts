import { createServer, type IncomingMessage, type Server } from 'node:http';
import { messageOf } from '@mezzo/sdk/contract';
import { httpStatusOf, type Batch, type Progress } from './batch.js';

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_INPUTS = 5000;

/**
 * `GET /`: how it goes. `POST /inputs` with a JSON list of texts: wants them, answers 200 once they are stored. `GET /inputs`: each of them,
 * perhaps of one progress (`?progress=failed`). `DELETE /inputs/KEY`: ends and forgets one.
 */
export const httpApi = (batch: Batch): Server =>
  createServer((request, response) => {
    const answered = answer(batch, request).catch((error: unknown): Answer => [
      httpStatusOf(error),
      words(messageOf(error)),
    ]);
    void answered.then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(body, undefined, 2)}\n`);
    });
  });

type Answer = readonly [status: number, body: object];

const words = (message: string): { message: string } => ({ message });

async function answer(batch: Batch, request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://here');
  const key = /^\/inputs\/([\w.:@-]+)$/.exec(pathname)?.[1];
  switch (`${request.method} ${key === undefined ? pathname : '/inputs/KEY'}`) {
    case 'GET /':
      return [200, summary(batch)];
    case 'GET /inputs': {
      const progress = searchParams.get('progress');
      return [200, { inputs: batch.inputs.filter((one) => progress === null || one.progress === progress) }];
    }
    case 'POST /inputs': {
      const inputs = await inputsOf(request);
      if (inputs === undefined) return [400, words(`a JSON list of at most ${MAX_INPUTS} texts, please`)];
      return [200, { inputs: await batch.add(inputs) }];
    }
    case 'DELETE /inputs/KEY':
      return (await batch.remove(key ?? '')) ? [200, {}] : [404, words(`there is no ${key}`)];
    default:
      return [404, words('there are GET /, GET and POST /inputs, DELETE /inputs/KEY')];
  }
}

function summary(batch: Batch) {
  const { inputs, frameworkId } = batch;
  const count = (wanted: Progress): number => inputs.filter(({ progress }) => progress === wanted).length;
  const counts = { waiting: count('waiting'), running: count('running'), done: count('done'), failed: count('failed') };
  return { frameworkId, inputs: inputs.length, ...counts };
}

/** Undefined for what has not the right shape, or is too large. */
async function inputsOf(request: IncomingMessage): Promise<string[] | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if ((bytes += chunk.length) > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  try {
    const json = JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
    const isList = Array.isArray(json) && json.length <= MAX_INPUTS && json.every((one) => typeof one === 'string');
    return isList ? (json as string[]) : undefined;
  } catch {
    return undefined;
  }
}
