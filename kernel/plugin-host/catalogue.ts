import type { Logger } from '@mezzo/sdk/contract';
import { readRegistry, type PluginPackage, type Shipped } from './registry.js';
import { NOTHING_WANTED, type Wanted } from './wanted.js';

/** Which plugins a node has: the built-in ones and, before them, what operators installed. */
export class Catalogue {
  readonly shipped: Shipped;

  /** `registryDir`: of what ships with Mezzo; undefined = nothing does. */
  constructor(
    registryDir: string | undefined,
    log: Logger,
    public wanted: Wanted = NOTHING_WANTED,
  ) {
    this.shipped = registryDir === undefined ? { builtIns: [], others: [] } : readRegistry(registryDir, log);
  }

  all(): PluginPackage[] {
    const { plugins } = this.wanted;
    const isReplaced = (id: string): boolean => plugins.some(({ manifest }) => manifest.id === id);
    return [...this.shipped.builtIns.filter(({ manifest }) => !isReplaced(manifest.id)), ...plugins];
  }

  get(id: string): PluginPackage | undefined {
    return this.all().find(({ manifest }) => manifest.id === id);
  }

  isDisabled(id: string): boolean {
    return this.wanted.disabled.includes(id);
  }
}
