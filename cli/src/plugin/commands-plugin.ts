import { Flags, Plugin, type Command, type Interfaces } from '@oclif/core';
import { firstWord, installedCommands, type InstalledCommands } from './commands-index.js';

/** What oclif starts with: Mezzo's own commands, and those of plugins when there are any. Of these nothing is loaded before it is run. */
export async function loadOptions(root: string): Promise<Interfaces.LoadOptions> {
  const installed = installedCommands();
  if (installed.length === 0) return root;
  const own = new Plugin({ isRoot: true, root });
  await own.load();
  const words = new Set(own.commandIDs.map((id) => id.split(':', 1)[0]!));
  const others = installed.map((one) => oclifPlugin(one, words));
  if (process.argv.includes('--help')) await showInHelp(others, process.argv.slice(2));
  return { root, plugins: new Map([own, ...others].map((plugin) => [plugin.name, plugin])) };
}

/** oclif writes the help of a command from what it knows before it loads it: here that is its name. */
async function showInHelp(plugins: readonly Interfaces.Plugin[], argv: readonly string[]): Promise<void> {
  const words = argv.filter((word) => !word.startsWith('-')).flatMap((word) => word.split(':'));
  const all = plugins.flatMap(({ commands }) => commands);
  const wanted = all.find(({ id }) => words.slice(0, id.split(':').length).join(':') === id);
  if (wanted === undefined) return;
  const { args = {}, flags = {}, summary, description } = await wanted.load();
  const json = Flags.boolean({ description: 'Format output as json.', helpGroup: 'GLOBAL' });
  Object.assign(wanted, { args: cached(args), flags: cached({ ...flags, json }), summary, description });
}

/** Each with its name, and with what is said of a default that is found out when it is needed. */
const cached = (all: Readonly<Record<string, { default?: unknown; defaultHelp?: unknown }>>) =>
  Object.fromEntries(
    Object.entries(all).map(([name, one]) => {
      const standard = typeof one.default === 'function' ? one.defaultHelp : one.default;
      return [name, { ...one, name, ...(standard !== undefined && { default: standard }) }];
    }),
  );

/** A newer Mezzo may have a command of that name by now: its own goes first. */
function oclifPlugin(installed: InstalledCommands, words: ReadonlySet<string>): Interfaces.Plugin {
  const { id, version } = installed;
  const commands = Object.entries(installed.commands)
    .filter(([name]) => !words.has(firstWord(name)))
    .map(([name, description]) => loadable(installed, name, description));
  const topics = [...new Set(commands.map((command) => command.id.split(':', 1)[0]!))];
  const from = `from the plugin ${id} ${version}`;
  return {
    _base: '',
    alias: id,
    name: `commands of ${id}`,
    version,
    root: '',
    type: 'user',
    moduleType: 'module',
    commands,
    commandIDs: commands.map((command) => command.id),
    commandsDir: undefined,
    topics: topics
      .filter((name) => !commands.some((command) => command.id === name))
      .map((name) => ({ name, description: from })),
    hooks: {},
    hasManifest: true,
    isRoot: false,
    valid: true,
    options: { root: '' },
    pjson: { name: id, version, oclif: {} },
    load: () => Promise.resolve(),
    findCommand: (name: string) => commands.find((command) => command.id === name)!.load(),
  };
}

const loadable = (installed: InstalledCommands, name: string, description: string): Command.Loadable => ({
  id: name.replaceAll(' ', ':'),
  summary: description,
  args: {},
  // There may be some: what follows is not a part of the name.
  strict: false,
  flags: {},
  aliases: [],
  hiddenAliases: [],
  hidden: false,
  pluginName: `commands of ${installed.id}`,
  pluginType: 'user',
  load: async () => (await import('./plugin-command.js')).loadCommand(installed, name),
});
