import type { RequestListener } from 'node:http';
import { messageOf } from '../contract/index.js';
import {
  decisionOf,
  MIDDLEWARE_PATH,
  type MiddlewareRequest,
  type RouterMiddleware,
} from '../points/router-middleware.js';
import { readText } from './serving.js';

/** More than the head of any request that the router takes. */
const MAX_REQUEST_BYTES = 256 * 1024;

/** Answers the router, which asks before it passes a request on; all other requests go to `otherwise` (default: 404). For `serveHttp`. */
export function middlewareListener(decide: RouterMiddleware, otherwise?: RequestListener): RequestListener {
  return (request, response) => {
    if (request.url !== MIDDLEWARE_PATH && otherwise !== undefined) return otherwise(request, response);
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.url !== MIDDLEWARE_PATH || request.method !== 'POST') return answer(404, { message: 'nothing here' });
    void (async () => {
      const text = await readText(request, MAX_REQUEST_BYTES);
      const question = Object(JSON.parse(text ?? '')) as MiddlewareRequest;
      if (
        typeof question.method !== 'string' ||
        typeof question.url !== 'string' ||
        typeof question.headers !== 'object'
      )
        return answer(400, { message: 'no question: it has method, url and headers' });
      const decision = await decide(question);
      if (decisionOf(decision) === undefined) throw new Error(`no decision: ${JSON.stringify(decision)}`);
      answer(200, decision);
    })().catch((error: unknown) => answer(500, { message: messageOf(error) }));
  };
}
