import type { PluginManifest } from '@mezzo/sdk/contract';

export interface PluginGraph {
  /** Providers before those that require them; otherwise by id. */
  readonly order: readonly PluginManifest[];
  /** Plugins that cannot be started, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Orders the plugins of one process by what they require and provide. `services` are there from the beginning. */
export function planGraph(manifests: readonly PluginManifest[], services: ReadonlySet<string>): PluginGraph {
  const sorted = [...manifests].sort((a, b) => (a.id < b.id ? -1 : 1));
  const order: PluginManifest[] = [];
  const refused = new Map<string, string>();
  const done = new Set<string>();

  const visit = (manifest: PluginManifest, path: readonly string[]): void => {
    if (done.has(manifest.id)) return;
    const at = path.indexOf(manifest.id);
    if (at >= 0) {
      const cycle = path.slice(at);
      for (const id of cycle) refused.set(id, `requires itself: ${[...cycle, manifest.id].join(' -> ')}`);
      return;
    }
    for (const wanted of manifest.requires.filter((id) => !services.has(id))) {
      const providers = sorted.filter(({ provides, id }) => provides.includes(wanted) && id !== manifest.id);
      for (const provider of providers) visit(provider, [...path, manifest.id]);
      const dead = providers.every(({ id }) => refused.has(id));
      if (dead && !refused.has(manifest.id)) refused.set(manifest.id, missing(wanted, providers));
    }
    done.add(manifest.id);
    if (!refused.has(manifest.id)) order.push(manifest);
  };

  for (const manifest of sorted) visit(manifest, []);
  return { order, refused };
}

const missing = (wanted: string, providers: readonly PluginManifest[]): string =>
  providers.length === 0
    ? `requires "${wanted}", which no plugin here provides`
    : `requires "${wanted}" of ${providers.map(({ id }) => id).join(', ')}, which cannot be started`;
