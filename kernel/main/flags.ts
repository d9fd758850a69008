import { readFileSync } from 'node:fs';
import { MezzoError } from '@mezzo/sdk/contract';
import { durationText, parseDuration } from '../http/duration.js';

/** One flag of a daemon. `parse` throws an Error whose message completes "flag --x: "; `file` is where a file's text came from. */
export interface Flag<T> {
  readonly help: string;
  readonly default: T;
  readonly parse: (text: string, file: string) => T;
  /** Back to text, as /flags shows it. */
  readonly show: (value: T) => string;
  readonly boolean?: boolean;
  /** What is given names a file, and the flag's text is in there. For others only file://PATH does. */
  readonly file?: boolean;
  /** Never shown. */
  readonly secret?: boolean;
  /** Older spellings, with underscores. */
  readonly aliases?: readonly string[];
  /** Variables that it has besides MEZZO_* and MESOS_*. */
  readonly env?: readonly string[];
}

/** Names are written with underscores, as Mesos does; dashes are accepted everywhere. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a table mixes flags of all types
export type FlagTable = Readonly<Record<string, Flag<any>>>;
export type FlagValues<Table extends FlagTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Flag<infer T> ? T : never;
};

type Extra = Pick<Flag<unknown>, 'aliases' | 'secret' | 'env'>;
const same = <T>(value: T): string => String(value);

export const text = <T extends string | undefined = string>(
  help: string,
  fallback: T,
  extra?: Extra,
): Flag<T extends string ? string : string | undefined> => ({
  help,
  default: fallback as never,
  parse: (value) => value as never,
  show: same,
  ...extra,
});

export const bool = (help: string, fallback: boolean, extra?: Extra): Flag<boolean> => ({
  help,
  default: fallback,
  boolean: true,
  show: same,
  parse: (value) => {
    if (value === 'true' || value === '1' || value === '') return true;
    if (value === 'false' || value === '0') return false;
    throw new Error(`'${value}' is neither true nor false`);
  },
  ...extra,
});

export const number = (help: string, fallback: number, min: number, max: number, extra?: Extra): Flag<number> => ({
  help,
  default: fallback,
  show: same,
  parse: (value) => {
    const parsed = Number(value);
    if (value.trim() === '' || !(parsed >= min && parsed <= max))
      throw new Error(`'${value}' is not in ${min}..${max}`);
    return parsed;
  },
  ...extra,
});

export const port = (help: string, fallback: number): Flag<number> => ({
  ...number(help, fallback, 0, 65535),
  parse: (value) => {
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65535) throw new Error(`'${value}' is not a port`);
    return Number(value);
  },
});

/** A duration in milliseconds. */
export const duration = <T extends string | undefined>(
  help: string,
  fallback: T,
  extra?: Extra,
): Flag<T extends string ? number : number | undefined> => ({
  help,
  default: (fallback === undefined ? undefined : parseDuration(fallback)) as never,
  parse: (value) => parseDuration(value) as never,
  show: (ms) => durationText(Number(ms)),
  ...extra,
});

export const oneOf = <T extends string>(help: string, fallback: T, ...choices: readonly T[]): Flag<T> => ({
  help: `${help} (${choices.join(', ')})`,
  default: fallback,
  show: same,
  parse: (value) => {
    const choice = choices.find((c) => c.toLowerCase() === value.toLowerCase());
    if (choice === undefined) throw new Error(`'${value}' is none of ${choices.join(', ')}`);
    return choice;
  },
});

/** What the daemon was told, by source; the first that names a flag wins. */
export interface FlagSources {
  /** Command line without node and script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Parsed YAML file. */
  readonly file?: Readonly<Record<string, unknown>>;
  /** Flags of the field that are known but not built, so that the refusal can say so. */
  readonly unsupported?: readonly string[];
}

const normal = (name: string): string => name.replaceAll('-', '_');
const refuse = (message: string, next: string): MezzoError =>
  new MezzoError('INVALID_FLAG', message, { blame: 'operator', next });

/** Flag > MEZZO_* > MESOS_* > file > default. Throws INVALID_FLAG with the name and what to do. */
export function loadFlags<Table extends FlagTable>(table: Table, sources: FlagSources): FlagValues<Table> {
  const argv = readArgv(table, sources.argv, sources.unsupported ?? []);
  const file = readFile(table, sources.file ?? {}, sources.unsupported ?? []);
  const values: Record<string, unknown> = {};
  for (const name of sources.unsupported ?? []) {
    if ((fromEnv('MEZZO_', [name], sources.env) ?? fromEnv('MESOS_', [name], sources.env)) !== undefined) {
      throw unknown(table, name, sources.unsupported!);
    }
  }
  for (const [name, flag] of Object.entries(table)) {
    const names = [name, ...(flag.aliases ?? [])];
    const given =
      argv.get(name) ??
      fromEnv('MEZZO_', names, sources.env) ??
      fromEnv('MESOS_', names, sources.env) ??
      fromEnv('', flag.env ?? [], sources.env);
    const chosen = given ?? file.get(name);
    values[name] = chosen === undefined ? flag.default : parseOne(name, flag, chosen);
  }
  return values as FlagValues<Table>;
}

/** Of the environment, what reads like a slip of the pen. Not refused: in Mesos, too, others' variables have that prefix. */
export function misspelt(table: FlagTable, env: FlagSources['env']): string[] {
  const known = Object.entries(table).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
  return ['MEZZO_', 'MESOS_'].flatMap((prefix) =>
    Object.keys(env).flatMap((variable) => {
      const written = variable.startsWith(prefix) ? variable.slice(prefix.length).toLowerCase() : '';
      const slip = (name: string) => distance(name, written) <= Math.min(2, Math.floor(name.length / 3));
      if (written === '' || known.includes(written)) return [];
      const meant = known.find(slip);
      return meant === undefined ? [] : [`${variable} is not ${prefix}${meant.toUpperCase()}, and is not heeded`];
    }),
  );
}

/** name -> text of every flag that has a value, secrets left out: the answer of /flags. */
export function showFlags<Table extends FlagTable>(table: Table, values: FlagValues<Table>): Record<string, string> {
  const shown = Object.entries(table).flatMap(([name, flag]) => {
    const value: unknown = values[name];
    return value === undefined || flag.secret ? [] : [[name, flag.show(value)] as const];
  });
  return Object.fromEntries(shown.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function flagHelp(table: FlagTable): string {
  const rows = Object.entries(table).map(([name, flag]) => {
    const fallback = flag.default === undefined || flag.secret ? '' : ` (default: ${flag.show(flag.default)})`;
    return `  --${flag.boolean ? '[no-]' : ''}${name.replaceAll('_', '-')}\n      ${flag.help}${fallback}`;
  });
  return rows.join('\n');
}

/** Settings that must be known before the rest can be read: `--config FILE` in any source. */
export function peek(name: string, argv: readonly string[], env: FlagSources['env']): string | undefined {
  const at = argv.findIndex((arg) => normal(arg.split('=')[0]!) === `__${name}`);
  if (at >= 0) return argv[at]!.includes('=') ? argv[at]!.slice(argv[at]!.indexOf('=') + 1) : argv[at + 1];
  return fromEnv('MEZZO_', [name], env) ?? fromEnv('MESOS_', [name], env);
}

function readArgv(table: FlagTable, argv: readonly string[], unsupported: readonly string[]): Map<string, string> {
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    if (!arg.startsWith('--')) throw refuse(`unexpected argument '${arg}'`, 'flags are written --name=value');
    const equals = arg.indexOf('=');
    const written = normal(arg.slice(2, equals < 0 ? undefined : equals));
    const name = nameOf(table, written);
    if (name !== undefined && equals >= 0) given.set(name, arg.slice(equals + 1));
    else if (name !== undefined && table[name]!.boolean) given.set(name, 'true');
    else if (name !== undefined) given.set(name, valueAfter(argv, i++, arg));
    else if (equals < 0 && negated(table, written) !== undefined) given.set(negated(table, written)!, 'false');
    else throw unknown(table, written, unsupported);
  }
  return given;
}

function valueAfter(argv: readonly string[], at: number, flag: string): string {
  const value = argv[at + 1];
  if (value === undefined || value.startsWith('--')) throw refuse(`flag ${flag} needs a value`, `write ${flag}=VALUE`);
  return value;
}

function negated(table: FlagTable, written: string): string | undefined {
  const name = written.startsWith('no_') ? nameOf(table, written.slice(3)) : undefined;
  return name !== undefined && table[name]!.boolean ? name : undefined;
}

function nameOf(table: FlagTable, written: string): string | undefined {
  if (Object.hasOwn(table, written)) return written;
  return Object.keys(table).find((name) => table[name]!.aliases?.includes(written));
}

function readFile(
  table: FlagTable,
  file: Readonly<Record<string, unknown>>,
  unsupported: readonly string[],
): Map<string, string> {
  const given = new Map<string, string>();
  for (const [key, value] of Object.entries(file)) {
    const name = nameOf(table, normal(key));
    if (name === undefined) throw unknown(table, normal(key), unsupported);
    given.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return given;
}

function fromEnv(prefix: string, names: readonly string[], env: FlagSources['env']): string | undefined {
  for (const name of names) {
    const value = env[prefix + name.toUpperCase()];
    if (value !== undefined) return value;
  }
  return undefined;
}

function parseOne(name: string, flag: Flag<unknown>, given: string): unknown {
  try {
    const file = given.startsWith('file://') ? given.slice(7) : flag.file ? given : '';
    return flag.parse(file === '' ? given : readFileSync(file, 'utf8').trim(), file);
  } catch (error) {
    throw refuse(`flag --${name}: ${(error as Error).message}`, flag.help);
  }
}

function unknown(table: FlagTable, written: string, unsupported: readonly string[]): MezzoError {
  if (unsupported.includes(written)) {
    return refuse(`flag --${written} is not supported yet`, 'leave it out');
  }
  const nearest = Object.keys(table).sort((a, b) => distance(a, written) - distance(b, written))[0];
  const hint = nearest !== undefined && distance(nearest, written) <= 4 ? `did you mean --${nearest}?` : 'see --help';
  return refuse(`unknown flag --${written}`, hint);
}

/** Edits between two names. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
