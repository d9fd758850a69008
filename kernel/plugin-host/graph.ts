import type { PluginManifest } from '@mezzo/sdk/contract';

export interface PluginGraph {
  /** Providers before those that require or use what they provide; otherwise by id. */
  readonly order: readonly PluginManifest[];
  /** Plugins that cannot be started, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
}

/** One plugin on the way along what is wanted, and how it was come to. */
interface Stop {
  readonly id: string;
  readonly isUsed: boolean;
}

/** Orders the plugins of one process by what they require, use and provide. `services` are there from the beginning. */
export function planGraph(manifests: readonly PluginManifest[], services: ReadonlySet<string>): PluginGraph {
  const sorted = [...manifests].sort((a, b) => (a.id < b.id ? -1 : 1));
  const order: PluginManifest[] = [];
  const refused = new Map<string, string>();
  /** Those that want who uses them: that one can do without, and all is planned anew. */
  const spared = new Map<string, string>();
  const done = new Set<string>();

  const visit = (manifest: PluginManifest, isUsed: boolean, path: readonly Stop[]): void => {
    if (done.has(manifest.id)) return;
    const at = path.findIndex(({ id }) => id === manifest.id);
    if (at >= 0) {
      const cycle = [...path.slice(at + 1), { id: manifest.id, isUsed }];
      const reason = `requires itself: ${[manifest.id, ...cycle.map(({ id }) => id)].join(' -> ')}`;
      const used = cycle.filter((stop) => stop.isUsed);
      for (const { id } of used) spared.set(id, reason);
      if (used.length === 0) for (const { id } of cycle) refused.set(id, reason);
      return;
    }
    const way = [...path, { id: manifest.id, isUsed }];
    const others = (point: string) =>
      sorted.filter(({ provides, id }) => provides.includes(point) && id !== manifest.id);
    for (const point of manifest.uses) for (const provider of others(point)) visit(provider, true, way);
    for (const wanted of manifest.requires.filter((id) => !services.has(id))) {
      const providers = others(wanted);
      for (const provider of providers) visit(provider, false, way);
      const dead = providers.every(({ id }) => refused.has(id));
      if (dead && !refused.has(manifest.id)) refused.set(manifest.id, missing(wanted, providers));
    }
    done.add(manifest.id);
    if (!refused.has(manifest.id)) order.push(manifest);
  };

  for (const manifest of sorted) visit(manifest, false, []);
  if (spared.size === 0) return { order, refused };
  const rest = planGraph(
    sorted.filter(({ id }) => !spared.has(id)),
    services,
  );
  return { order: rest.order, refused: new Map([...rest.refused, ...spared]) };
}

const missing = (wanted: string, providers: readonly PluginManifest[]): string =>
  providers.length === 0
    ? `requires "${wanted}", which no plugin here provides`
    : `requires "${wanted}" of ${providers.map(({ id }) => id).join(', ')}, which cannot be started`;
