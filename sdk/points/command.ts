import { MezzoError } from '../contract/index.js';

/** What stands behind the command's name. */
export interface CommandArgument {
  readonly description: string;
  /** Those that must be given come first. */
  readonly required?: boolean;
}

interface AnyFlag {
  readonly description: string;
  /** One letter: `-n`. */
  readonly char?: string;
}
export type CommandFlag =
  | (AnyFlag & { readonly type: 'boolean' })
  | (AnyFlag & {
      readonly type: 'string';
      readonly default?: string;
      readonly required?: boolean;
      /** All that it may be. */
      readonly options?: readonly string[];
    })
  | (AnyFlag & {
      readonly type: 'integer';
      readonly default?: number;
      readonly required?: boolean;
      readonly min?: number;
      readonly max?: number;
    });

export type CommandArguments = Readonly<Record<string, CommandArgument>>;
export type CommandFlags = Readonly<Record<string, CommandFlag>>;

type Certain<T, Spec> = Spec extends { readonly required: true } | { readonly default: T } ? T : T | undefined;
type Given<Flag> = Flag extends { readonly type: 'boolean' }
  ? boolean
  : Flag extends { readonly type: 'integer' }
    ? Certain<number, Flag>
    : Certain<string, Flag>;

export interface CommandRequest {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** Objects are sent as JSON, bytes as they are. */
  readonly body?: unknown;
  /** Default: 10 s. */
  readonly timeoutMs?: number;
}

/** The cluster that the caller means (`--url`, `--context` and their like), through its front door and with the caller's token. */
export interface CommandCluster {
  /** The decoded body of a 2xx answer. Rejects with HTTP_<status> or the server's own error, with UNREACHABLE, or with NO_CLUSTER. */
  json<T>(path: string, request?: CommandRequest): Promise<T>;
  /** Every status is an answer. Rejects with UNREACHABLE or NO_CLUSTER. */
  request(path: string, request?: CommandRequest): Promise<CommandAnswer>;
}

export interface CommandAnswer {
  readonly status: number;
  /** Names are lower-case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export interface CommandContext<Args extends CommandArguments, Flags extends CommandFlags> {
  readonly args: { readonly [Name in keyof Args]: Certain<string, Args[Name]> };
  readonly flags: { readonly [Name in keyof Flags]: Given<Flags[Name]> };
  readonly cluster: CommandCluster;
  /** A line for people: not shown with `--json`. */
  log(line: string): void;
  /** Columns by key of a row, with their heads; `none` is said when there are no rows. Not shown with `--json`. */
  table<Row extends object>(
    rows: readonly Row[],
    columns: Readonly<Partial<Record<keyof Row & string, string>>>,
    none: string,
  ): void;
}

export interface CommandDefinition<Args extends CommandArguments, Flags extends CommandFlags> {
  /** One sentence without a full stop; the manifest has it, too. */
  readonly description: string;
  readonly args?: Args;
  readonly flags?: Flags;
  /** Answers what `--json` prints. What it rejects with is said, and the command ends with 1. */
  run(context: CommandContext<Args, Flags>): Promise<unknown>;
}

/** One command of a plugin, by the contract of major version 1. */
export interface PluginCommand {
  readonly point: 'cli-command.v1';
  readonly description: string;
  readonly args: CommandArguments;
  readonly flags: CommandFlags;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- of any arguments and flags
  run(context: CommandContext<any, any>): Promise<unknown>;
}

/** What a module of commands exports as its default: each by the name that the manifest has it under. */
export type PluginCommandModule = Readonly<Record<string, PluginCommand>>;

/** Flags that all commands of plugins have. */
export const COMMON_FLAGS: readonly string[] = ['work-dir', 'url', 'token', 'context', 'json', 'help'];

/** Throws COMMAND_INVALID, which says what is wrong. */
export function defineCommand<const Args extends CommandArguments, const Flags extends CommandFlags>(
  definition: CommandDefinition<Args, Flags>,
): PluginCommand {
  const { description, args = {}, flags = {} } = definition;
  const command: PluginCommand = {
    point: 'cli-command.v1',
    description,
    args,
    flags,
    run: (context) => definition.run(context as CommandContext<Args, Flags>),
  };
  const problem = wrongArgs(args) ?? wrongFlags(flags);
  if (problem === undefined) return command;
  throw new MezzoError('COMMAND_INVALID', `the command "${description}": ${problem}`, { blame: 'plugin' });
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/;

function wrongArgs(args: CommandArguments): string | undefined {
  const all = Object.entries(args);
  for (const [i, [name, { required }]] of all.entries()) {
    if (!NAME.test(name)) return `"args.${name}" is no name of small letters, digits and "-"`;
    if (required && i > 0 && !all[i - 1]?.[1].required)
      return `"args.${name}" must be given, and stands behind one that need not`;
  }
  return undefined;
}

function wrongFlags(flags: CommandFlags): string | undefined {
  const chars = new Set<string>();
  for (const [name, { char }] of Object.entries(flags)) {
    if (!NAME.test(name)) return `"flags.${name}" is no name of small letters, digits and "-"`;
    if (COMMON_FLAGS.includes(name)) return `"flags.${name}": all commands have --${name} already`;
    if (char === undefined) continue;
    if (!/^[A-Za-z]$/.test(char) || chars.has(char)) return `"flags.${name}.char" '${char}' is no letter of its own`;
    chars.add(char);
  }
  return undefined;
}
