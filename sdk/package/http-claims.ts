import { isRouterPath, isUnder, type PluginManifest } from '../contract/index.js';

const PATH = { type: 'string', pattern: '^(/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,8}$', maxLength: 128 };
const flag = { type: 'boolean', default: false };
const list = (properties: object) => ({
  type: 'array',
  items: {
    type: 'object',
    required: Object.keys(properties).filter((key) => !['public', 'authorization'].includes(key)),
    properties,
  },
  maxItems: 32,
  default: [],
});

/** The key `mezzo.http`. */
export const HTTP = {
  type: 'object',
  properties: {
    endpoint: { type: 'string', maxLength: 64 },
    routes: list({ path: PATH, public: flag }),
    middleware: list({ path: PATH, authorization: flag }),
    pages: list({
      title: { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$', maxLength: 40 },
      path: PATH,
    }),
  },
};

export function wrongHttp({ http, permissions, process, runsOn }: PluginManifest): string | undefined {
  if (http === undefined) return undefined;
  if (process !== 'own' || !runsOn.includes('master'))
    return '"mezzo.http" is for plugins in a process of their own that run on masters';
  if (!permissions.endpoints.includes(http.endpoint))
    return `"mezzo.http.endpoint" ${JSON.stringify(http.endpoint)} is none of "mezzo.permissions.endpoints"`;
  for (const { path } of http.routes)
    if (isRouterPath(path)) return `"mezzo.http.routes": ${path} is a path of the router itself`;
  // Whoever could shut these off could not be removed any more.
  for (const { path } of http.middleware)
    if (isRouterPath(path) && !isUnder(path, '/service'))
      return `"mezzo.http.middleware": ${path} is a path of the router itself: /service and what plugins serve can be watched over`;
  const stray = http.pages.find(({ path }) => !http.routes.some((route) => isUnder(path, route.path)));
  return stray && `"mezzo.http.pages": ${stray.path} is not below one of its own routes`;
}

/** Routes that two plugins claim, in the words of people, once for each of them. */
export function routeConflicts(
  plugins: readonly PluginManifest[],
): { readonly id: string; readonly problem: string }[] {
  return plugins.flatMap(({ id, version, http }) =>
    (http?.routes ?? []).flatMap(({ path }) =>
      plugins
        .filter((other) => other.id !== id)
        .filter((other) => other.http?.routes.some((one) => isUnder(path, one.path) || isUnder(one.path, path)))
        .map((other) => ({ id, problem: `${id} ${version} claims the route ${path}, which is of ${other.id}` })),
    ),
  );
}
