import type { IncomingMessage, ServerResponse } from 'node:http';

/** Method, path, and what answers: JSON, or undefined for what is not there. It gets the first group of the path, and the body. */
export type Route = readonly [
  method: string,
  path: RegExp,
  handle: (part: string, body: string) => Promise<object | undefined>,
];

const MAX_BODY_BYTES = 64 * 1024;

export async function answer(
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [status, body] = await outcome(routes, request).catch(
    (error: Error) => [503, { message: error.message }] as const,
  );
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

async function outcome(routes: readonly Route[], request: IncomingMessage): Promise<readonly [number, object]> {
  const { pathname } = new URL(request.url ?? '/', 'http://here');
  const here = routes.filter(([, path]) => path.test(pathname));
  if (here.length === 0) return [404, { message: `there is nothing at ${pathname}` }];
  const route = here.find(([method]) => method === request.method);
  if (route === undefined) return [405, { message: `${pathname} takes ${here.map(([method]) => method).join(', ')}` }];
  const body = await bodyOf(request);
  if (body === undefined) return [413, { message: `a body has at most ${MAX_BODY_BYTES} bytes` }];
  const found = await route[2](route[1].exec(pathname)?.[1] ?? '', body);
  return found === undefined ? [404, { message: `there is nothing at ${pathname}` }] : [200, found];
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
