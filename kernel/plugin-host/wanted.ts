import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import { entryOf, packageOf, type PluginPackage } from './registry.js';
import { readJsonFile, removeFile, writeWhole } from './whole-file.js';

/** What a node is to have of the plugins that operators installed, and how all of its plugins are to be. */
export interface Wanted {
  readonly plugins: readonly PluginPackage[];
  /** Kept at hand, not run: another node may have to be given them. */
  readonly hold: readonly PluginPackage[];
  /** Ids of plugins that are not to run. */
  readonly disabled: readonly string[];
  /** By plugin id: configuration that operators gave. */
  readonly config: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What operators gave a plugin, for those who compare. '' = nothing. */
export const configDigest = (given: Readonly<Record<string, unknown>> = {}): string =>
  Object.keys(given).length === 0 ? '' : createHash('sha256').update(JSON.stringify(given)).digest('base64url');

export const NOTHING_WANTED: Wanted = { plugins: [], hold: [], disabled: [], config: {} };

/** The form on the wire and on disk. */
export const wireOf = ({ plugins, hold, disabled, config }: Wanted): object => ({
  plugins: plugins.map(entryOf),
  hold: hold.map(entryOf),
  disabled,
  config,
});

/** What cannot be read is left out, with a word in the log. `dir` is where packages are kept. */
export function readWanted(dir: string, json: unknown, log: Logger): Wanted {
  const { plugins, hold, disabled, config } = Object(json) as Record<keyof Wanted, unknown>;
  const packages = (list: unknown) =>
    (Array.isArray(list) ? list : []).flatMap((entry) => packageOf(dir, entry, false, log) ?? []);
  return {
    plugins: packages(plugins),
    hold: packages(hold),
    disabled: (Array.isArray(disabled) ? disabled : []).map(String),
    config: Object(config) as Wanted['config'],
  };
}

/** What a node was told last, for the time when no master answers. */
export class WantedFile {
  private readonly file: string;

  constructor(
    private readonly dir: string,
    private readonly log: Logger,
  ) {
    this.file = join(dir, 'wanted.json');
  }

  read(): Wanted {
    return readWanted(this.dir, readJsonFile(this.file), this.log);
  }

  write(wanted: Wanted): void {
    writeWhole(this.file, JSON.stringify(wireOf(wanted)));
  }
}

/** One that has just come may be of an installation that is not written down yet. */
const PRUNE_AFTER_MS = 60_000;

/** Removes the packages that nobody needs any more. */
export function prunePackages(dir: string, kept: readonly PluginPackage[]): void {
  const names = new Set(kept.map(({ file }) => basename(file)));
  for (const name of readdirSync(dir)) {
    if (!name.endsWith('.tgz') || names.has(name)) continue;
    const file = join(dir, name);
    if (Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > PRUNE_AFTER_MS) removeFile(file);
  }
}
