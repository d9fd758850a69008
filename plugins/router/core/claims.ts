import { isRouterPath, isUnder, type HttpClaim } from '@mezzo/sdk/contract';

export interface ClaimedRoute {
  readonly plugin: string;
  readonly endpoint: string;
  /** However the path is read. */
  readonly isPublic: boolean;
}

/** The longest route that a path is below; of two plugins that claim the same the first. */
export function claimedRoute(claims: readonly HttpClaim[], path: string): ClaimedRoute | undefined {
  const found = isRouterPath(path) ? undefined : longest(claims, path);
  if (found === undefined) return undefined;
  const { plugin, endpoint, isPublic } = found;
  const readings = isPublic ? readingsOf(path) : [];
  const isOpen = readings?.every((one) => {
    const read = longest(claims, one);
    return read?.isPublic && read.plugin === plugin;
  });
  return { plugin, endpoint, isPublic: isPublic && isOpen === true };
}

function longest(claims: readonly HttpClaim[], path: string) {
  let found: (ClaimedRoute & { readonly length: number }) | undefined;
  for (const { plugin, endpoint, routes } of claims)
    for (const route of routes)
      if (isUnder(path, route.path) && route.path.length > (found?.length ?? 0))
        found = { plugin, endpoint, isPublic: route.public, length: route.path.length };
  return found;
}

/**
 * What a server may take a raw path for: as it is, decoded, without doubled slashes, with its dots followed. Undefined when it cannot be
 * decoded, and may mean anything.
 */
export function readingsOf(path: string): readonly string[] | undefined {
  const decoded = decode(path);
  if (decoded === undefined) return undefined;
  const parts = decoded
    .replaceAll('\\', '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  const followed: string[] = [];
  for (const part of parts)
    if (part === '..') followed.pop();
    else followed.push(part);
  return [path, `/${parts.join('/')}`, `/${followed.join('/')}`];
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** Who must be asked before a request for this path is passed on, each once. */
export function watchersOf(claims: readonly HttpClaim[], path: string): readonly Watcher[] {
  const readings = readingsOf(isUnder(path, '/marathon') ? `/service${path}` : path);
  const all = readings && [...readings, ...readings.filter((one) => one.startsWith('/service/')).map(asSegments)];
  return claims.flatMap(({ plugin, endpoint, middleware }) => {
    const mine = middleware.filter((one) => all === undefined || all.some((reading) => isUnder(reading, one.path)));
    if (mine.length === 0) return [];
    return [{ plugin, endpoint, seesCredentials: mine.every(({ authorization }) => authorization) }];
  });
}

export interface Watcher {
  readonly plugin: string;
  readonly endpoint: string;
  readonly seesCredentials: boolean;
}

/** Services are found by dotted names as well: `/service/b.a` is `/service/a/b`. */
const asSegments = (path: string): string =>
  `/service/${path
    .slice('/service/'.length)
    .split('/')
    .map((segment) => segment.split('.').reverse().join('/'))
    .join('/')}`;
