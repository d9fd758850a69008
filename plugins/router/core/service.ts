import { reversedName, type App, type Target } from './apps.js';
import { targetOfUrl, type RouteTable } from './table.js';

/** Where a request may go. The first target is tried first. */
export interface Upstream {
  /** For messages: `app /hello`, `framework spark`. */
  readonly name: string;
  readonly targets: readonly Target[];
  /** Path and query as the upstream gets them, behind a target's base path. */
  readonly path: string;
  /** What the client's path has in front of the upstream's; undefined when paths are the same on both sides. */
  readonly prefix: string | undefined;
  /** A part of the cluster itself: it may see the user's token. */
  readonly trusted: boolean;
  /** Anonymous requests may pass. */
  readonly public: boolean;
  /** A plugin's that has pages here: what it answers must not act as the page of the cluster that the user has signed in to. */
  readonly isSandboxed?: boolean;
}

export type ServiceRoute =
  | { readonly kind: 'upstream'; readonly upstream: Upstream }
  | { readonly kind: 'down'; readonly name: string; readonly reason: string; readonly public: boolean }
  | { readonly kind: 'unknown'; readonly reason: string };

const SEGMENTS_MAX = 10;
/** For so long after its last instance went, an app is down rather than unknown. */
const REMEMBERED_MS = 5 * 60_000;
/** Parts of the cluster that announce themselves; labels of apps cannot take their names. */
const PLATFORM: ReadonlySet<string> = new Set(['marathon', 'metronome']);
const NEVER: ReadonlySet<string> = new Set(['router']);

/**
 * Resolves what follows `/service` in a raw path (with its query): `a`, then `a/b`, and so on; the first that is known wins.
 * For each: apps published by labels, frameworks by id and name, apps by the name of their tasks, endpoints of plugins.
 */
export function resolveService(table: RouteTable, rest: string, atMs: number): ServiceRoute {
  const query = rest.indexOf('?');
  const path = query < 0 ? rest : rest.slice(0, query);
  const segments: string[] = [];
  let down: ServiceRoute | undefined;
  for (let at = 0; at < path.length && segments.length < SEGMENTS_MAX;) {
    while (path[at] === '/') at++;
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    const segment = decodeSegment(path.slice(at, end));
    if (segment === undefined || segment === '') break;
    segments.push(segment);
    at = end;
    const found = candidate(table, segments, { path: rest.slice(end), prefix: `/service${path.slice(0, end)}` }, atMs);
    if (found?.kind === 'upstream') return found;
    down ??= found;
  }
  return down ?? { kind: 'unknown', reason: `nothing is known as ${segments.join('/') || 'the empty name'}` };
}

interface Split {
  readonly path: string;
  readonly prefix: string;
}

function candidate(
  table: RouteTable,
  segments: readonly string[],
  split: Split,
  atMs: number,
): ServiceRoute | undefined {
  const name = segments.join('/');
  if (PLATFORM.has(name)) return fromEndpoint(table, name, split) ?? fromFramework(table, name, split);
  const dotted = reversedName(segments);
  return (
    fromApp(table.published.get(dotted), name, split) ??
    fromFramework(table, dotted, split) ??
    fromApp(table.plain.get(dotted), name, split) ??
    fromEndpoint(table, name, split) ??
    fromMemory(table, dotted, name, atMs)
  );
}

function fromApp(app: App | undefined, name: string, { path, prefix }: Split): ServiceRoute | undefined {
  if (app === undefined) return undefined;
  const chosen = app.next();
  const first = chosen[0];
  if (first === undefined) return { kind: 'down', name: `app /${name}`, reason: app.trouble, public: app.public };
  const rewrite = first.rules.rewrite;
  const upstream: Upstream = {
    name: `app /${name}`,
    targets: chosen.map(({ target }) => target!),
    path: rewrite ? rooted(path) : prefix + path,
    prefix: rewrite ? prefix : undefined,
    trusted: false,
    public: app.public,
  };
  return { kind: 'upstream', upstream };
}

function fromFramework(table: RouteTable, idOrName: string, split: Split): ServiceRoute | undefined {
  const framework = table.framework(idOrName);
  const target = framework && targetOfUrl(framework.webuiUrl);
  return target && single(`framework ${framework.name}`, target, split, false);
}

function fromEndpoint(table: RouteTable, name: string, split: Split): ServiceRoute | undefined {
  const url = NEVER.has(name) ? undefined : table.endpoints.get(name);
  const target = url === undefined ? undefined : targetOfUrl(url);
  const route = target && single(name, target, split, PLATFORM.has(name));
  if (route?.kind !== 'upstream' || !table.claims.some(({ endpoint }) => endpoint === name)) return route;
  return { ...route, upstream: { ...route.upstream, isSandboxed: true } };
}

const single = (name: string, target: Target, { path, prefix }: Split, trusted: boolean): ServiceRoute => ({
  kind: 'upstream',
  upstream: { name, targets: [target], path: rooted(path), prefix, trusted, public: false },
});

function fromMemory(table: RouteTable, dotted: string, name: string, atMs: number): ServiceRoute | undefined {
  const goneMs = table.goneForMs(dotted, atMs);
  if (goneMs === undefined || goneMs > REMEMBERED_MS) return undefined;
  return { kind: 'down', name: `app /${name}`, reason: 'its last instance is gone', public: false };
}

export const rooted = (path: string): string => (path.startsWith('/') ? path : `/${path}`);

function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    const decoded = decodeURIComponent(segment);
    return decoded.includes('/') ? undefined : decoded;
  } catch {
    return undefined;
  }
}
