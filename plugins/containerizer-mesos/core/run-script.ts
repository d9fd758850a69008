import type { TerminalSize } from '@mezzo/sdk/points/containerizer';
import { commandLines, mountLines, type Prepared } from './isolation.js';
import { checkExecutable, quote, quoteAll } from './quote.js';

/** Who a task runs as: numbers, since names were looked up before. Only users of the machine have supplementary groups. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly groups: boolean;
}

export interface Tools {
  readonly env: string;
  readonly setpriv: string;
  readonly unshare: string;
  readonly nsenter: string;
  readonly timeout: string;
  readonly tail: string;
  readonly setsid: string;
  readonly mount: string;
  /** Gives a program a terminal; not on every machine. */
  readonly script: string;
}

export interface Program {
  readonly shell: boolean;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly sandbox: string;
  readonly runAs?: RunAs;
  /** Files that take a process into a cgroup when "0" is written to them. */
  readonly cgroups: readonly string[];
}

/** Names that mean something to a shell, or that one refuses to set: they are handed over by env(1) instead. */
const SHELL_NAMES = new Set(
  (
    'IFS OPTIND OPTARG OPTERR PPID LINENO PS1 PS2 PS4 PWD OLDPWD UID EUID GROUPS SHELLOPTS BASHOPTS ENV BASH_ENV POSIXLY_CORRECT ' +
    'RANDOM SECONDS FUNCNAME DIRSTACK HISTCMD COMP_WORDBREAKS MAIL MAILPATH MAILCHECK LC_ALL LC_CTYPE LANG _'
  ).split(' '),
);

export interface RunScript extends Program {
  readonly tools: Tools;
  /** `user-namespaces`: the powers that it has in them are given up. `group`: it becomes a process group of its own. */
  readonly mode: 'namespaces' | 'user-namespaces' | 'group';
  readonly hostname?: string;
  readonly streams?: Streams;
  readonly isolation?: RunIsolation;
}

export interface RunIsolation extends Pick<Prepared, 'mounts' | 'commands'> {
  /** Path of the named pipe out of which the script reads a line when the isolators have had their turn. */
  readonly gate: string;
  /** Path of a script with `insideScript`, which begins in mounts of its own. */
  readonly inside: string;
  /** Directories that are seen whatever is mounted above them, besides the sandbox. */
  readonly keep: readonly string[];
}

/** Paths of the named pipes that take the place of files. With a terminal there is no stderr. */
export interface Streams {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr?: string;
  readonly tty?: TerminalSize;
}

/** What the shim's innermost shell reads to become the task. `refuse`, `ready` and `key` are the shim's. */
export function runScript(run: RunScript): string {
  const { streams, tools, isolation } = run;
  const becoming = becomeTask(run);
  return lines(
    ...joins(run.cgroups, "|| refuse 'cannot enter a cgroup'"),
    streams !== undefined && `mkfifo -m 600 ${quoteAll(pipes(streams))} || refuse 'cannot make its streams'`,
    isolation !== undefined && closeGate(isolation),
    `cd ${quote(run.sandbox)} || refuse 'cannot enter the sandbox'`,
    run.hostname !== undefined && run.mode !== 'group' && setHostname(quote(run.hostname)),
    'ready',
    isolation !== undefined && `read -r gate <&8\nexec 8<&-`,
    ...(hasMounts(run)
      ? [`exec ${quoteAll([tools.unshare, '--mount', '--', '/bin/sh', isolation!.inside])} "$key"`]
      : becoming),
  );
}

/** What `runScript` goes on with once it has mounts of its own; undefined when it needs none. $1 = key of the container. */
export function insideScript(run: RunScript): string | undefined {
  const { isolation, sandbox, tools } = run;
  if (isolation === undefined || !hasMounts(run)) return undefined;
  return lines(
    'key=$1',
    'refuse() {\n  echo "failed $key $*"\n  exit 125\n}',
    ...mountLines(isolation.mounts, tools.mount, [sandbox, ...isolation.keep]),
    `cd ${quote(sandbox)} || refuse 'cannot enter the sandbox'`,
    ...becomeTask(run),
  );
}

const hasMounts = ({ isolation }: RunScript): boolean => isolation !== undefined && isolation.mounts.length > 0;

/** The script holds both ends, so that the agent finds a reader when it opens it, and what it writes does not get lost. */
const closeGate = ({ gate }: RunIsolation): string =>
  `mkfifo -m 600 ${quote(gate)} && exec 8<>${quote(gate)} || refuse 'cannot make its gate'`;

function becomeTask(run: RunScript): string[] {
  const { streams, tools, isolation } = run;
  const argv = streams?.tty === undefined ? command(run) : onTerminal(command(run), tools, streams.tty);
  checkExecutable(argv, run.env);
  const { plain, odd } = splitEnv({ ...run.env, MESOS_SANDBOX: run.sandbox });
  return [
    ...(isolation === undefined ? [] : [...commandLines(isolation.commands), 'echo "isolated $key"']),
    streams === undefined
      ? `exec </dev/null >>${quote(`${run.sandbox}/stdout`)} 2>>${quote(`${run.sandbox}/stderr`)} 9<&-`
      : redirection(streams),
    'umask 022',
    'unset PWD OLDPWD',
    ...plain,
    `exec ${quoteAll([...enclosure(run), ...privileges(run), ...(odd.length > 0 ? [tools.env, '--', ...odd] : []), ...argv])}`,
  ];
}

const pipes = ({ stdin, stdout, stderr }: Streams): string[] => [
  stdin,
  stdout,
  ...(stderr === undefined ? [] : [stderr]),
];

/** Each waits until the agent has opened its end; the agent waits to be told that they are open here. `key` is the shim's. */
const redirection = ({ stdin, stdout, stderr }: Streams): string =>
  `exec 5<${quote(stdin)} 6>${quote(stdout)}${stderr === undefined ? '' : ` 7>${quote(stderr)}`}\necho "opened $key"\n` +
  `exec <&5 >&6 2>&${stderr === undefined ? 6 : 7} 5<&- 6>&- ${stderr === undefined ? '' : '7>&- '}9<&-`;

/** script(1) makes the terminal, copies both ways and passes the status on. */
const onTerminal = (argv: readonly string[], tools: Tools, { rows, columns }: TerminalSize): readonly string[] => [
  ...[tools.script, '-qefc'],
  `stty rows ${rows} cols ${columns} 2>/dev/null; exec ${quoteAll(argv)}`,
  '/dev/null',
];

/** The file is root's own, the tool works with the powers of a user namespace. */
const setHostname = (name: string) =>
  `{ echo ${name} >/proc/sys/kernel/hostname || hostname ${name} || refuse 'cannot set the hostname'; } 2>/dev/null`;

function enclosure({ mode, tools }: RunScript): string[] {
  if (mode === 'namespaces') return [];
  return mode === 'group' ? [tools.setsid, '--'] : [tools.setpriv, '--ambient-caps=-all', '--inh-caps=-all', '--'];
}

const privileges = ({ runAs, tools }: { runAs?: RunAs; tools: Tools }): string[] =>
  runAs === undefined
    ? []
    : [
        tools.setpriv,
        `--reuid=${runAs.uid}`,
        `--regid=${runAs.gid}`,
        runAs.groups ? '--init-groups' : '--clear-groups',
        '--',
      ];

const command = ({ shell, argv }: Program): readonly string[] => (shell ? ['/bin/sh', '-c', argv[0] ?? ''] : argv);

const joins = (files: readonly string[], otherwise: string) =>
  files.map((file) => `echo 0 >${quote(file)} ${otherwise}`);

function splitEnv(env: Readonly<Record<string, string>>) {
  const isPlain = ([name]: [string, string]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !SHELL_NAMES.has(name);
  const entries = Object.entries(env);
  return {
    plain: entries.filter(isPlain).map(([name, value]) => `export ${name}=${quote(value)}`),
    odd: entries.filter((entry) => !isPlain(entry)).map(([name, value]) => `${name}=${value}`),
  };
}

export interface EnterScript {
  readonly tools: Tools;
  readonly mode: 'namespaces' | 'user-namespaces';
  /** A process in the parent, and one in the outermost container, whose network, hostname and ipc all in it share. */
  readonly parentPid: number;
  readonly rootPid: number;
  /** The shim and what it is called with. */
  readonly shim: readonly string[];
}

/** A script that starts the shim of a container in a container: in the parent's namespaces, with processes of its own. */
export function enterScript({ tools, mode, parentPid, rootPid, shim }: EnterScript): string {
  const user = mode === 'user-namespaces';
  const enter = (pid: number, ...kinds: string[]) => [tools.nsenter, `--target=${pid}`, ...kinds, '--'];
  const powers = user ? ['--user', '--preserve-credentials'] : [];
  const own = user ? ['--user', '--map-current-user', '--keep-caps'] : [];
  // The powers of a user namespace reach the namespaces that were made in it, not those of the outer ones.
  const way =
    user && parentPid !== rootPid
      ? [...enter(rootPid, ...powers, '--uts', '--ipc'), ...enter(parentPid, ...powers, '--mount', '--pid')]
      : enter(parentPid, ...powers, '--mount', '--uts', '--ipc', '--pid');
  return lines(`exec ${quoteAll([...way, tools.unshare, ...own, '--pid', '--mount-proc', '--fork', '--', ...shim])}`);
}

export interface ExecScript extends Program {
  readonly tools: Tools;
  /** By which its answers are told from others. */
  readonly key: string;
  readonly timeoutMs: number;
  /** Namespaces of this process are entered; undefined = no namespaces. */
  readonly enter?: { readonly pid: number; readonly user: boolean };
  readonly outputFile: string;
  readonly outputBytes: number;
}

/**
 * A script that runs a command beside a task: says "status KEY N" when the command ended and "output KEY" when all it printed is in the file
 * (later, when it left something running). timeout(1) ends it even if the agent is gone.
 */
export function execScript(exec: ExecScript): string {
  const argv = command(exec);
  checkExecutable(argv, exec.env);
  const { plain, odd } = splitEnv({ ...exec.env, MESOS_SANDBOX: exec.sandbox });
  const { tools, enter, key } = exec;
  const words = [
    ...[tools.timeout, '-s', 'KILL', (exec.timeoutMs / 1000).toFixed(3)],
    ...(enter === undefined ? [] : entrance(exec, enter)),
    ...privileges(exec),
    ...(odd.length > 0 ? [tools.env, '--', ...odd] : []),
    ...argv,
  ];
  return lines(
    'exec 3>&1',
    '{',
    '(',
    ...joins(exec.cgroups, '|| exit 125'),
    `cd ${quote(exec.sandbox)} || exit 125`,
    'unset PWD OLDPWD',
    ...plain,
    `exec ${quoteAll(words)} 3>&-`,
    ')',
    `echo "status ${key} $?" >&3`,
    `} 2>&1 | ${quote(tools.tail)} -c ${exec.outputBytes} >${quote(exec.outputFile)}`,
    `echo "output ${key}"`,
  );
}

/** nsenter(1) leaves the working directory at the new root: a shell goes back to the sandbox. */
const entrance = ({ tools, sandbox }: ExecScript, { pid, user }: { pid: number; user: boolean }): string[] => [
  tools.nsenter,
  `--target=${pid}`,
  ...(user ? ['--user', '--preserve-credentials'] : []),
  ...['--mount', '--uts', '--ipc', '--pid', '--', '/bin/sh', '-c', 'cd "$0" && exec "$@"', sandbox],
];

const lines = (...parts: readonly (string | false)[]): string =>
  `${parts.filter((part) => part !== false).join('\n')}\n`;
