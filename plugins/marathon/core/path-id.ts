/** Ids of apps and groups: `/group/app`, as Marathon's grammar has them. */

const SEGMENT = /^(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$/;
const RESERVED_LAST = ['restart', 'tasks', 'versions', '.', '..'];
const MAX_ID_LENGTH = 255;

export const segmentsOf = (id: string): string[] => id.split('/').filter((part) => part !== '');

/** Relative to `base` unless it starts with a slash; `.` and `..` are resolved. */
export function absoluteId(id: string, base = '/'): string {
  const path: string[] = id.startsWith('/') ? [] : segmentsOf(base);
  for (const part of segmentsOf(id)) {
    if (part === '..') path.pop();
    else if (part !== '.') path.push(part);
  }
  return `/${path.join('/')}`;
}

/** What is wrong with an absolute id, or undefined. */
export function idProblem(id: string): string | undefined {
  const segments = segmentsOf(id);
  if (segments.length === 0) return 'Path must not be the root path';
  if (id.length > MAX_ID_LENGTH) return `must not be longer than ${MAX_ID_LENGTH} characters`;
  if (!segments.every((part) => SEGMENT.test(part))) return `must fully match regular expression '${SEGMENT.source}'`;
  const last = segments.at(-1) ?? '';
  if (RESERVED_LAST.includes(last)) return `${last} is a reserved word: an id must not end with it`;
  return undefined;
}

/** The groups that an app is in, the root left out: `/a/b/c` -> `/a`, `/a/b`. */
export function groupsOf(id: string): string[] {
  const segments = segmentsOf(id);
  return segments.slice(1).map((_, index) => `/${segments.slice(0, index + 1).join('/')}`);
}

export const parentOf = (id: string): string => absoluteId('..', id);

export const isBelow = (id: string, group: string): boolean => group === '/' || id.startsWith(`${group}/`);

/** `/shop/web` -> `shop_web`: the prefix of instance and task ids. */
export const safePath = (id: string): string => segmentsOf(id).join('_');

/** `/shop/web` -> `web.shop`: the name of its tasks, from which DNS names are made. */
export const reversedName = (id: string): string => segmentsOf(id).reverse().join('.');
