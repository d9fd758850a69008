import type { Door } from './gate.js';

/** Paths by the part of the API they belong to; one that ends in / stands for all below it. */
export interface DoorPlan<Part extends string> {
  /** What never asks: it tells nothing, or asks in a way of its own. */
  readonly open: readonly string[];
  readonly parts: Readonly<Record<Part, readonly string[]>>;
  /** Where a path belongs that is not named: the strictest that is in use comes first. */
  readonly others: readonly Part[];
}

/** The door before a path. Whatever a plan forgets lies behind a door rather than in the open. */
export function doorFinder<Part extends string>(
  { open, parts, others }: DoorPlan<Part>,
  doors: Readonly<Partial<Record<Part, Door>>>,
): (path: string) => Door | undefined {
  const byPath = new Map<string, Door | undefined>(open.map((path) => [path, undefined]));
  for (const part of Object.keys(parts) as Part[]) for (const path of parts[part]) byPath.set(path, doors[part]);
  const below = [...byPath].filter(([path]) => path.length > 1 && path.endsWith('/'));
  const rest = others.map((part) => doors[part]).find((door) => door !== undefined);
  return (path) => {
    if (byPath.has(path)) return byPath.get(path);
    const found = below.find(([prefix]) => path.startsWith(prefix));
    return found === undefined ? rest : found[1];
  };
}
