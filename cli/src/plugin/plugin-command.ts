import { Args, Flags, type Command, type Interfaces } from '@oclif/core';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import { requireSdk } from '@mezzo/sdk/package';
import type { CommandFlag, CommandRequest, PluginCommand } from '@mezzo/sdk/points/command';
import { linkSdk, loadEntry, sdkPackage, withDeadline } from '@mezzo/sdk/runtime';
import type { Cluster } from '../lib/cluster.js';
import { clusterFlags, MezzoCommand } from '../lib/command.js';
import { commandsDir, packageDir, type InstalledCommands } from './commands-index.js';

const LOAD_MS = 10_000;

/** The command as oclif knows commands. One that cannot be loaded fails when it is run, with COMMAND_BROKEN, which names the plugin, or PLUGIN_SDK_MISMATCH. */
export async function loadCommand(installed: InstalledCommands, name: string): Promise<Command.Class> {
  try {
    return await load(installed, name);
  } catch (error) {
    return class extends MezzoCommand {
      static override id = name.replaceAll(' ', ':');
      static override summary = messageOf(error);
      static override enableJsonFlag = true;
      override run(): Promise<never> {
        return Promise.reject(error as Error);
      }
    };
  }
}

async function load(installed: InstalledCommands, name: string): Promise<Command.Class> {
  const sdk = sdkPackage();
  requireSdk(installed, sdk.version);
  linkSdk(commandsDir(), sdk.dir);
  const command = await definitionOf(installed, name);
  return class extends RunPluginCommand {
    static override id = name.replaceAll(' ', ':');
    static override summary = command.description;
    static override description = `From the plugin ${installed.id} ${installed.version}.`;
    static override args = argsOf(command);
    static override flags = { ...clusterFlags, ...flagsOf(command) };
    protected override readonly command = command;
    protected override readonly who = `"${name}" of the plugin ${installed.id} ${installed.version}`;
  };
}

async function definitionOf(installed: InstalledCommands, name: string): Promise<PluginCommand> {
  const loading = loadEntry(packageDir(installed), installed.entry);
  const module = await withDeadline(loading, LOAD_MS, 'loading').catch((error: unknown) => {
    throw broken(installed, `its commands cannot be loaded: ${messageOf(error)}`, error);
  });
  const commands = Object(module) as Readonly<Record<string, PluginCommand | undefined>>;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command?.point === 'cli-command.v1' && typeof command.run === 'function') return command;
  throw broken(installed, `${installed.entry} has no command "${name}" in its default export, as its manifest says`);
}

abstract class RunPluginCommand extends MezzoCommand {
  static override enableJsonFlag = true;
  protected abstract readonly command: PluginCommand;
  protected abstract readonly who: string;

  async run(): Promise<unknown> {
    const { args, flags } = (await this.parse(this.ctor)) as unknown as Parsed;
    let found: Promise<Cluster> | undefined;
    // A command may have no business with a cluster.
    const cluster = (): Promise<Cluster> => (found ??= this.cluster(flags));
    try {
      return await this.command.run({
        args,
        flags,
        cluster: {
          json: async <T>(path: string, request?: CommandRequest) => (await cluster()).json<T>(rooted(path), request),
          request: async (path, request) => (await cluster()).raw(rooted(path), request),
        },
        log: (line) => this.log('%s', line),
        table: (rows, columns, none) => this.table(rows, columns, none),
      });
    } catch (error) {
      if ((error as Partial<MezzoError>).blame !== undefined) throw error;
      throw new MezzoError('COMMAND_FAILED', `${this.who} failed: ${messageOf(error)}`, {
        blame: 'plugin',
        cause: error,
      });
    }
  }
}

interface Parsed {
  readonly args: Readonly<Record<string, string>>;
  readonly flags: Parameters<RunPluginCommand['cluster']>[0];
}

/** What follows the address must not become a part of it: the token goes there. */
function rooted(path: string): string {
  if (path.startsWith('/')) return path;
  throw new MezzoError('PATH_INVALID', `the path ${JSON.stringify(path)} does not begin with "/"`, { blame: 'plugin' });
}

const argsOf = ({ args }: PluginCommand): Interfaces.ArgInput =>
  Object.fromEntries(
    Object.entries(args).map(([name, { description, required }]) => [
      name,
      Args.string({ description, required: required ?? false }),
    ]),
  );

const flagsOf = ({ flags }: PluginCommand): Interfaces.FlagInput =>
  Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, flagOf(flag)]));

function flagOf(flag: CommandFlag) {
  const about = { description: flag.description, ...(flag.char !== undefined && { char: flag.char as 'n' }) };
  if (flag.type === 'boolean') return Flags.boolean({ ...about, default: false });
  const required = flag.required ?? false;
  if (flag.type === 'string') {
    const { options, default: standard } = flag;
    return Flags.string({
      ...about,
      required,
      ...(options !== undefined && { options: [...options] }),
      ...(standard !== undefined && { default: standard }),
    });
  }
  const { min, max, default: standard } = flag;
  return Flags.integer({
    ...about,
    required,
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(standard !== undefined && { default: standard }),
  });
}

const broken = ({ id, version }: InstalledCommands, problem: string, cause?: unknown): MezzoError =>
  new MezzoError('COMMAND_BROKEN', `plugin ${id} ${version}: ${problem}`, {
    blame: 'plugin',
    next: `tell its author; without it: \`mezzo plugin commands remove ${id}\``,
    cause,
  });
