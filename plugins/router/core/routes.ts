import { isUnder } from '@mezzo/sdk/contract';
import { claimedRoute } from './claims.js';
import { targetOfUrl, type RouteTable } from './table.js';
import { resolveService, rooted, type Upstream } from './service.js';

/** What to do with a request. Those that are not `anonymous` need a token before anything else is said about them. */
export interface Decision {
  readonly anonymous: boolean;
  readonly action: Action;
}

export type Action =
  | { readonly kind: 'proxy'; readonly upstream: Upstream; readonly dropAcceptEncoding?: boolean }
  /** Answered by the router itself. */
  | { readonly kind: 'own' }
  | { readonly kind: 'redirect'; readonly status: 301 | 307; readonly location: string }
  | { readonly kind: 'error'; readonly status: 400 | 404 | 501 | 503; readonly reason: string };

export interface RouteRules {
  /** Path prefixes without a token, like `/service/hello`. */
  readonly public: readonly string[];
  /** Base URL of the leading master. */
  readonly masterUrl: string;
}

const OWN_ANONYMOUS: ReadonlySet<string> = new Set([
  '/',
  '/login',
  '/health',
  '/favicon.ico',
  '/dcos-metadata/dcos-version.json',
  '/dcos-metadata/ui-config.json',
]);
const OWN: ReadonlySet<string> = new Set(['/metadata', '/pkgpanda/active.buildinfo.full.json']);

const LATER: readonly (readonly [prefix: string, what: string])[] = [
  ['/system', 'logs, metrics, health and checks of the machines'],
  ['/package', 'packages'],
  ['/cosmos', 'packages'],
  ['/capabilities', 'packages'],
  ['/pkgpanda', 'components of machines'],
  ['/net', 'overlay networks'],
  ['/navstar', 'overlay networks'],
  ['/nginx', 'figures of nginx: this router has its own, under /metrics of the master'],
  ['/dcos-ui-update-service', 'updates of the web interface'],
];

/** `url` is the raw request target: path and query as the client sent them. */
export function decide(table: RouteTable, url: string, rules: RouteRules, atMs: number): Decision {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  if (!path.startsWith('/')) return anonymous({ kind: 'error', status: 400, reason: 'the request has no path' });
  const decision = route(table, url, path, query < 0 ? '' : url.slice(query), rules, atMs);
  return decision.anonymous || !isPublic(path, rules.public) ? decision : anonymous(decision.action);
}

const anonymous = (action: Action): Decision => ({ anonymous: true, action });
const guarded = (action: Action): Decision => ({ anonymous: false, action });
const error = (status: 400 | 404 | 501 | 503, reason: string): Action => ({ kind: 'error', status, reason });

function route(table: RouteTable, url: string, path: string, query: string, rules: RouteRules, atMs: number): Decision {
  if (path.startsWith('/service/')) return service(table, url.slice('/service'.length), path, query, atMs);
  if (OWN_ANONYMOUS.has(path) || path.startsWith('/acs/api/v1/auth/')) return anonymous({ kind: 'own' });
  if (OWN.has(path) || isUnder(path, '/acs/api/v1') || isUnder(path, '/router/v1')) return guarded({ kind: 'own' });
  if (path === '/marathon') return anonymous({ kind: 'redirect', status: 307, location: `/marathon/${query}` });
  if (isUnder(path, '/marathon')) return service(table, url, `/service${path}`, query, atMs);
  if (path === '/mesos') return anonymous({ kind: 'redirect', status: 301, location: `/mesos/${query}` });
  if (isUnder(path, '/mesos')) return guarded(fixed('the leading master', rules.masterUrl, url, '/mesos', true));
  if (isUnder(path, '/mesos_dns')) return guarded(plugin(table, 'mesos_dns', url, '/mesos_dns', 'dns'));
  if (isUnder(path, '/exhibitor')) return exhibitor(table, url, path);
  const agent = /^\/(?:agent|slave)\/([^/]+)/.exec(path);
  if (agent) return guarded(toAgent(table, url, agent[0], agent[1]!, schemeOf(rules.masterUrl)));
  for (const [prefix, what] of LATER)
    if (isUnder(path, prefix)) return guarded(error(501, `not supported yet: ${what}`));
  return pluginRoute(table, url, path) ?? anonymous(error(404, `there is nothing at ${path}`));
}

function service(table: RouteTable, rest: string, path: string, query: string, atMs: number): Decision {
  if (/^\/service\/[^/]+$/.test(path))
    return anonymous({ kind: 'redirect', status: 301, location: `${path}/${query}` });
  const found = resolveService(table, rest, atMs);
  if (found.kind === 'upstream')
    return { anonymous: found.upstream.public, action: { kind: 'proxy', upstream: found.upstream } };
  if (found.kind === 'down')
    return { anonymous: found.public, action: error(503, `${found.name} is down: ${found.reason}`) };
  return guarded(
    table.ready
      ? error(404, `service not found: ${found.reason}`)
      : error(503, 'the state of the cluster is not known yet'),
  );
}

/** The path stays as it is. Open to everybody only where that is so however the plugin may read it. */
function pluginRoute(table: RouteTable, url: string, path: string): Decision | undefined {
  const found = claimedRoute(table.claims, path);
  if (found === undefined) return undefined;
  const { plugin: name, endpoint, isPublic: isOpen } = found;
  const target = targetOfUrl(table.endpoints.get(endpoint) ?? '');
  if (target === undefined)
    return { anonymous: isOpen, action: error(503, `plugin ${name} does not serve ${path} now`) };
  const upstream = { name, targets: [target], path: url, prefix: undefined, trusted: false, public: isOpen };
  return { anonymous: isOpen, action: { kind: 'proxy', upstream: { ...upstream, isSandboxed: true } } };
}

function exhibitor(table: RouteTable, url: string, path: string): Decision {
  const known = table.endpoints.has('exhibitor');
  const action = known
    ? plugin(table, 'exhibitor', url, '/exhibitor', 'ensemble')
    : error(501, 'not supported here: this cluster keeps its state itself and has no ZooKeeper ensemble to show');
  return { anonymous: known && path === '/exhibitor/exhibitor/v1/cluster/status', action };
}

function plugin(table: RouteTable, endpoint: string, url: string, prefix: string, pluginId: string): Action {
  const known = table.endpoints.get(endpoint);
  if (known === undefined) return error(503, `plugin ${pluginId} has not announced itself: see mezzo plugin list`);
  return fixed(pluginId, known, url, prefix, false);
}

function fixed(name: string, base: string, url: string, prefix: string, trusted: boolean): Action {
  const target = targetOfUrl(base);
  if (target === undefined) return error(503, `${name} has no usable address`);
  const path = rooted(url.slice(prefix.length));
  return { kind: 'proxy', upstream: { name, targets: [target], path, prefix, trusted, public: false } };
}

/** Agents speak what the master speaks. */
const schemeOf = (masterUrl: string) => (masterUrl.startsWith('https:') ? 'https' : 'http');

function toAgent(table: RouteTable, url: string, prefix: string, id: string, scheme: 'http' | 'https'): Action {
  const agent = table.agents.get(id);
  if (agent === undefined)
    return table.ready ? error(404, `no agent ${id}`) : error(503, 'the state of the cluster is not known yet');
  const target = { scheme, host: agent.host, port: agent.port, basePath: '' };
  const path = rooted(url.slice(prefix.length));
  const upstream = { name: `agent ${id}`, targets: [target], path, prefix, trusted: true, public: false };
  return { kind: 'proxy', upstream, dropAcceptEncoding: true };
}

/** Dot segments could climb out of a public prefix: they never count as public. */
const isPublic = (path: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => isUnder(path, prefix.replace(/\/+$/, ''))) && !/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(path);
