import type { IncomingMessage, RequestListener } from 'node:http';
import { messageOf } from '@mezzo/sdk/contract';
import { readText } from '@mezzo/sdk/runtime';
import type { Link, Links } from './links.js';

const MAX_BODY_BYTES = 16 * 1024;

interface Answer {
  readonly status: number;
  readonly body?: object | string;
  readonly location?: string;
}

/**
 * `GET /links`, `PUT /links/NAME` of `{"url": ...}`: for those who have signed in. `GET /links/page`: the same as a page. `GET /go/NAME`: leads
 * everybody there.
 */
export const httpApi =
  (links: Links): RequestListener =>
  (request, response) => {
    void answer(links, request)
      .catch((error: unknown): Answer => ({ status: 503, body: { message: messageOf(error) } }))
      .then(({ status, body, location }) => {
        const isPage = typeof body === 'string';
        response.writeHead(status, {
          'content-type': isPage ? 'text/html; charset=utf-8' : 'application/json',
          ...(location !== undefined && { location }),
        });
        response.end(isPage ? body : `${JSON.stringify(body ?? {})}\n`);
      });
  };

async function answer(links: Links, request: IncomingMessage): Promise<Answer> {
  const { pathname } = new URL(request.url ?? '/', 'http://here');
  const [, root, name = '', ...rest] = pathname.split('/');
  const what =
    rest.length > 0 ? '' : `${request.method} /${root}${name === '' ? '' : name === 'page' ? '/page' : '/NAME'}`;
  switch (what) {
    case 'GET /links':
      return { status: 200, body: { links: await links.list() } };
    case 'GET /links/page':
      return { status: 200, body: page(await links.list()) };
    case 'PUT /links/NAME': {
      const problem = await links.put({ name, url: await urlIn(request) });
      return problem === undefined ? { status: 200 } : { status: 400, body: { message: problem } };
    }
    case 'GET /go/NAME': {
      const location = await links.get(name);
      return location === undefined ? { status: 404, body: { message: `no link ${name}` } } : { status: 302, location };
    }
    default:
      return {
        status: 404,
        body: { message: 'there are GET /links, PUT /links/NAME, GET /links/page and GET /go/NAME' },
      };
  }
}

async function urlIn(request: IncomingMessage): Promise<string> {
  const text = await readText(request, MAX_BODY_BYTES);
  try {
    const { url } = Object(JSON.parse(text ?? '')) as { url?: unknown };
    return typeof url === 'string' ? url : '';
  } catch {
    return '';
  }
}

/** It can be looked at and led away from; what changes things is a command. */
const page = (links: readonly Link[]): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Short links</title>
<h1>Short links</h1>
<ul>${links.map(({ name, url }) => `<li><a href="/go/${name}">${name}</a> leads to ${escape(url)}</li>`).join('')}</ul>
<p>Make one: <code>mezzo links add NAME URL</code></p>
<p><a href="/">Start page</a></p>
</html>
`;

const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
