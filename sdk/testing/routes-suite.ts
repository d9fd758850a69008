import assert from 'node:assert/strict';
import type { PluginManifest } from '../contract/index.js';
import {
  decisionOf,
  MIDDLEWARE_PATH,
  type MiddlewareDecision,
  type MiddlewareRequest,
} from '../points/router-middleware.js';
import { manifestOf } from '../package/index.js';
import type { Law } from './containerizer-suite.js';

export interface HttpSuiteOptions {
  /** The `mezzo` field of package.json. */
  readonly manifest: Partial<PluginManifest>;
  /** Base URL that it has announced. */
  readonly url: () => string;
}

const LAW_TIMEOUT_MS = 10_000;
const law = (title: string, run: () => Promise<void>): Law => ({ title, timeoutMs: LAW_TIMEOUT_MS, run });
const httpOf = (mezzo: Partial<PluginManifest>) => {
  const { http } = manifestOf({ name: 'under-test', version: '0.0.0', mezzo });
  assert.ok(http, 'its manifest has no "http"');
  return http;
};
const get = (url: string, init?: RequestInit) => fetch(url, { redirect: 'manual', ...init });

/** What every plugin must hold to that claims routes of the router. */
export function routesSuite({ manifest, url }: HttpSuiteOptions): Law[] {
  return [
    law("it claims at least one route, and none that is the router's own", async () => {
      assert.ok(httpOf(manifest).routes.length > 0);
    }),
    law('it serves each route under the whole path, and answers what is not there without falling over', async () => {
      for (const { path } of httpOf(manifest).routes)
        for (const odd of [
          '',
          '/',
          '/nothing-like-it/at/all',
          '/%00',
          '/%zz',
          '/..%2f..%2fetc%2fpasswd',
          `/${'x'.repeat(4000)}`,
          '?q=%ff',
        ]) {
          const { status } = await get(url() + path + odd);
          assert.ok(status < 500, `GET ${path}${odd.slice(0, 40)} answers ${status}`);
        }
    }),
    law('it refuses bodies that are no good, and serves on', async () => {
      for (const { path } of httpOf(manifest).routes) {
        for (const method of ['POST', 'PUT', 'DELETE']) {
          const { status } = await get(url() + path, { method, ...(method !== 'DELETE' && { body: '\u0000{' }) });
          assert.ok(status >= 300 && status < 500, `${method} ${path} answers ${status} to nonsense`);
        }
        assert.ok((await get(url() + path)).status < 500);
      }
    }),
  ];
}

/** What every plugin must hold to that has pages on the dashboard. */
export function dashboardPageSuite({ manifest, url }: HttpSuiteOptions): Law[] {
  const pages = async (check: (path: string, text: string, headers: Headers) => void): Promise<void> => {
    const { pages: all } = httpOf(manifest);
    assert.ok(all.length > 0, 'its manifest names no page');
    for (const { path } of all) {
      const answer = await get(url() + path);
      assert.equal(answer.status, 200, `GET ${path}`);
      check(path, await answer.text(), answer.headers);
    }
  };
  return [
    law('each page is HTML in a stated encoding, with a title', () =>
      pages((path, text, headers) => {
        assert.match(headers.get('content-type') ?? '', /^text\/html; *charset=utf-8$/i, path);
        assert.match(text, /<title>[^<]+<\/title>/, path);
      }),
    ),
    law(
      'it needs neither cookies nor storage nor frames, which it does not get, and loads nothing from elsewhere',
      () =>
        pages((path, text) => {
          assert.doesNotMatch(text, /document\.cookie|localStorage|sessionStorage|serviceWorker|<iframe/, path);
          assert.doesNotMatch(text, /<(script|img|link)[^>]+(src|href)=["']?(https?:)?\/\//i, path);
        }),
    ),
  ];
}

export interface MiddlewareCase {
  readonly request: Partial<MiddlewareRequest>;
  readonly decision: MiddlewareDecision;
}

const REQUEST: MiddlewareRequest = {
  method: 'GET',
  url: '/service/web/',
  headers: { host: 'cluster' },
  clientIp: '127.0.0.1',
};

/** What every plugin must hold to that the router asks. `cases`: requests, and what it must say to them. */
export function routerMiddlewareSuite({
  manifest,
  url,
  cases,
}: HttpSuiteOptions & { readonly cases: readonly MiddlewareCase[] }): Law[] {
  const ask = (body: string) => fetch(url() + MIDDLEWARE_PATH, { method: 'POST', body });
  const decide = async (request: Partial<MiddlewareRequest>) => {
    const answer = await ask(JSON.stringify({ ...REQUEST, ...request }));
    assert.equal(answer.status, 200, JSON.stringify(request));
    return decisionOf(await answer.json());
  };
  return [
    law('it claims the paths that it watches over', async () => assert.ok(httpOf(manifest).middleware.length > 0)),
    law('it decides as it should', async () => {
      for (const { request, decision } of cases) {
        const said = await decide(request);
        assert.deepEqual(
          said?.allow ? { headers: {}, ...said } : said,
          decision.allow ? { headers: {}, ...decision } : decision,
        );
      }
    }),
    law('whatever it is asked, it decides within a second, in a form that the router follows', async () => {
      const odd = [
        '/',
        '//',
        '/%00',
        '/service/%zz',
        `/${'x'.repeat(8000)}`,
        '/service/web/?q=<script>',
        '/service/../mesos/',
      ];
      for (const one of odd) {
        const startedAt = performance.now();
        assert.ok((await decide({ url: one, method: 'PATCH' })) !== undefined, one.slice(0, 40));
        assert.ok(performance.now() - startedAt < 1000, one.slice(0, 40));
      }
    }),
    law('nonsense is not allowed, and it decides on', async () => {
      for (const body of ['', '{', 'null', '[]', '"x"', '{}']) {
        const answer = await ask(body);
        const isAllowed = answer.status === 200 && (decisionOf(await answer.json())?.allow ?? false);
        assert.equal(isAllowed, false, `${JSON.stringify(body)} is allowed`);
      }
      assert.ok((await decide({})) !== undefined);
    }),
    law('many at once are decided as one after the other', async () => {
      const { request = {} } = cases[0] ?? {};
      const first = await decide(request);
      for (const one of await Promise.all(Array.from({ length: 100 }, () => decide(request))))
        assert.deepEqual(one, first);
    }),
  ];
}
