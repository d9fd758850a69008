import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Read at each start of `mezzo`: it imports next to nothing.

/** Commands of a plugin on this machine, for this user, who has said yes to them. */
export interface InstalledCommands {
  readonly id: string;
  /** The package's. */
  readonly name: string;
  readonly version: string;
  /** `sha512-<base64>` of the package that they come from. */
  readonly integrity: string;
  /** Semver range of the SDK. */
  readonly sdk: string;
  /** Module below the unpacked package. */
  readonly entry: string;
  /** What each does, by its name. */
  readonly commands: Readonly<Record<string, string>>;
}

/** As oclif has it. */
export const dataDir = (): string =>
  process.env.MEZZO_DATA_DIR ?? join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'mezzo');

/** Holds packages as `<id>/<version>`, and the SDK that they are linked to. */
export const commandsDir = (): string => join(dataDir(), 'commands');
export const packageDir = ({ id, version }: InstalledCommands): string => join(commandsDir(), id, version);
export const indexFile = (): string => join(dataDir(), 'commands.json');

/** What cannot be read is none: `mezzo` itself must start. */
export function installedCommands(): readonly InstalledCommands[] {
  try {
    const { plugins } = JSON.parse(readFileSync(indexFile(), 'utf8')) as { plugins: readonly InstalledCommands[] };
    return plugins.filter((one) => typeof one.id === 'string' && typeof one.commands === 'object');
  } catch {
    return [];
  }
}

export const firstWord = (name: string): string => name.split(' ', 1)[0] ?? '';
