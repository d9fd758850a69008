import type { Logger } from '@mezzo/sdk/contract';
import { readRegistry, type PluginPackage } from './registry.js';
import { NOTHING_WANTED, type Wanted } from './wanted.js';

/** Which plugins a node has: the built-in ones and, before them, what operators installed. */
export class Catalogue {
  readonly builtIns: readonly PluginPackage[];
  /** Shipped, and not run unless they are installed. */
  readonly others: readonly PluginPackage[];

  /** `registryDir`: of the built-in plugins; undefined = there are none. */
  constructor(
    registryDir: string | undefined,
    log: Logger,
    public wanted: Wanted = NOTHING_WANTED,
  ) {
    const shipped = registryDir === undefined ? { builtIn: [], others: [] } : readRegistry(registryDir, log);
    this.builtIns = shipped.builtIn;
    this.others = shipped.others;
  }

  all(): PluginPackage[] {
    const { plugins } = this.wanted;
    const isReplaced = (id: string): boolean => plugins.some(({ manifest }) => manifest.id === id);
    return [...this.builtIns.filter(({ manifest }) => !isReplaced(manifest.id)), ...plugins];
  }

  get(id: string): PluginPackage | undefined {
    return this.all().find(({ manifest }) => manifest.id === id);
  }

  isDisabled(id: string): boolean {
    return this.wanted.disabled.includes(id);
  }
}
