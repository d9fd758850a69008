import { MezzoError } from '../contract/index.js';
import type { CommandAnswer, CommandRequest, PluginCommand } from '../points/command.js';

/** An answer with another status than 200. */
export class FakeAnswer {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {}
}

type Flags = Readonly<Record<string, string | number | boolean>>;

export interface CommandCall {
  readonly args?: Readonly<Record<string, string>>;
  readonly flags?: Flags;
  /** By `GET /service/jobs/v1`: what the cluster answers as JSON, a FakeAnswer, or an error that the request fails with. Others get 404. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

export interface CommandRun {
  /** What `--json` prints. */
  readonly result: unknown;
  /** What people read. */
  readonly lines: readonly string[];
  readonly requests: readonly { readonly method: string; readonly path: string; readonly body?: unknown }[];
}

/** Runs a command as `mezzo` does, against a cluster that answers by heart. Rejects as the command does, or as `mezzo` for what it does not take. */
export async function runCommand(command: PluginCommand, call: CommandCall = {}): Promise<CommandRun> {
  const lines: string[] = [];
  const requests: { method: string; path: string; body?: unknown }[] = [];
  const request = async (path: string, { method = 'GET', body }: CommandRequest = {}): Promise<CommandAnswer> => {
    if (!path.startsWith('/')) throw misused(`the path ${JSON.stringify(path)} does not begin with "/"`);
    requests.push({ method, path, ...(body !== undefined && { body }) });
    return answerTo(call.answers?.[`${method} ${path}`] ?? new FakeAnswer(404, { message: `nothing at ${path}` }));
  };
  const result = await command.run({
    args: argsOf(command, call.args ?? {}),
    flags: flagsOf(command, call.flags ?? {}),
    cluster: {
      request,
      json: async <T>(path: string, options?: CommandRequest) => decoded<T>(await request(path, options), path),
    },
    log: (line) => void lines.push(line),
    table: (rows, columns, none) => {
      const keys = Object.keys(columns) as (keyof (typeof rows)[number] & string)[];
      if (rows.length === 0) lines.push(none);
      for (const row of rows) lines.push(keys.map((key) => String(row[key] ?? '-')).join('  '));
    },
  });
  return { result, lines, requests };
}

function answerTo(answer: unknown): CommandAnswer {
  if (answer instanceof Error) throw answer;
  const { status, body } = answer instanceof FakeAnswer ? answer : new FakeAnswer(200, answer);
  return { status, headers: { 'content-type': 'application/json' }, text: JSON.stringify(body) };
}

function decoded<T>({ status, text }: CommandAnswer, path: string): T {
  if (status >= 200 && status < 300) return JSON.parse(text) as T;
  throw new MezzoError(`HTTP_${status}`, `${path} answered ${status}: ${text}`, {
    blame: status < 500 ? 'user' : 'kernel',
    details: { status, body: text },
  });
}

function argsOf({ args }: PluginCommand, given: Readonly<Record<string, string>>): Record<string, string> {
  requireKnown('argument', Object.keys(given), Object.keys(args));
  for (const [name, { required }] of Object.entries(args))
    if (required && given[name] === undefined) throw misused(`the argument ${name} is missing`);
  return { ...given };
}

function flagsOf({ flags }: PluginCommand, given: Flags): Flags {
  requireKnown('flag', Object.keys(given), Object.keys(flags));
  const all: Record<string, string | number | boolean> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const value = given[name] ?? (flag.type === 'boolean' ? false : flag.default);
    if (value === undefined && 'required' in flag && flag.required) throw misused(`the flag --${name} is missing`);
    if (value === undefined) continue;
    const isRight = flag.type === 'integer' ? Number.isInteger(value) : typeof value === flag.type;
    if (!isRight) throw misused(`--${name} ${JSON.stringify(value)} is no ${flag.type}`);
    if (flag.type === 'string' && flag.options?.includes(value as string) === false)
      throw misused(`--${name} ${JSON.stringify(value)} is none of ${flag.options.join(', ')}`);
    const { min = -Infinity, max = Infinity } = flag.type === 'integer' ? flag : {};
    if (flag.type === 'integer' && !((value as number) >= min && (value as number) <= max))
      throw misused(`--${name} ${JSON.stringify(value)} is not from ${min} to ${max}`);
    all[name] = value;
  }
  return all;
}

function requireKnown(what: string, given: readonly string[], known: readonly string[]): void {
  const stray = given.find((name) => !known.includes(name));
  if (stray !== undefined) throw misused(`there is no ${what} ${stray}; there are ${known.join(', ') || 'none'}`);
}

const misused = (problem: string): MezzoError => new MezzoError('COMMAND_MISUSED', problem, { blame: 'user' });
