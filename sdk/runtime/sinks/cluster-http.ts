import { request } from 'undici';
import { headersOf, newAgent, type ConnectionOptions } from '../../framework/event-feed.js';
import { readText } from '../serving.js';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** Where it was found in the end. */
  readonly url: string;
}

export interface HttpCall {
  /** JSON of a call of the v1 API; without one it is a GET. */
  readonly body?: string;
  /** Default: none. */
  readonly redirects?: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** Asks daemons of the cluster. Rejects when there is no answer in time, or too large a one. */
export type ClusterHttp = (url: string, call: HttpCall) => Promise<HttpAnswer>;

const MAX_CONNECTIONS = 2;

export function clusterHttp(own: Pick<ConnectionOptions, 'headers' | 'ca'>): ClusterHttp {
  const agent = newAgent(own.ca, MAX_CONNECTIONS);
  return async (given, { body, redirects = 0, maxBytes, timeoutMs }) => {
    const signal = AbortSignal.timeout(timeoutMs);
    for (let url = given, hop = 0; ; hop++) {
      const answer = await request(url, {
        method: body === undefined ? 'GET' : 'POST',
        dispatcher: agent,
        signal,
        headers: {
          ...headersOf(own),
          ...(body !== undefined && { 'content-type': 'application/json', accept: 'application/json' }),
        },
        ...(body !== undefined && { body }),
      });
      const { location } = answer.headers;
      const text = await readText(answer.body, maxBytes);
      if (text === undefined) throw new Error(`the answer has more than ${maxBytes} bytes`);
      if (answer.statusCode < 300 || answer.statusCode >= 400 || typeof location !== 'string' || hop >= redirects)
        return { status: answer.statusCode, text, url };
      url = new URL(location, url).href;
    }
  };
}
