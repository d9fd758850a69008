import type { EndpointAnnouncement, HttpClaim, Logger, PluginManifest } from '@mezzo/sdk/contract';

/** Who serves what, gathered from the plugins' own words. A name belongs to the first that announces it, until it dies. */
export class EndpointDirectory {
  private readonly byName = new Map<string, { readonly url: string; readonly owner: string }>();
  private readonly listeners = new Set<() => void>();

  /** What plugins claim of the front door, whether they run or not: whoever must be asked is not passed by because it is down. */
  claims: readonly HttpClaim[] = [];

  constructor(private readonly log: Logger) {}

  /** All plugins that are meant to run here. */
  claimsOf(manifests: readonly PluginManifest[]): void {
    this.claims = manifests.flatMap(({ id, http }) => (http === undefined ? [] : [{ plugin: id, ...http }]));
    for (const listener of this.listeners) listener();
  }

  /** All that one plugin announces now. */
  set(owner: string, endpoints: Readonly<Record<string, string>>): void {
    let changed = false;
    for (const [name, entry] of this.byName)
      if (entry.owner === owner && endpoints[name] !== entry.url) changed = this.byName.delete(name);
    for (const [name, url] of Object.entries(endpoints)) {
      const holder = this.byName.get(name);
      if (holder === undefined) changed = Boolean(this.byName.set(name, { url, owner }));
      else if (holder.owner !== owner) this.log.warn(`endpoint ${name} is taken by ${holder.owner}`, { plugin: owner });
    }
    if (changed) for (const listener of this.listeners) listener();
  }

  list(): EndpointAnnouncement[] {
    return [...this.byName].map(([name, { url }]) => ({ name, url })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Called after each change. The answer stops it. */
  watch(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}
