import { messageOf } from '@mezzo/sdk/contract';
import type { Isolation, IsolatorMount } from '@mezzo/sdk/points/isolator';
import { quote, quoteAll } from './quote.js';
import { launchFailed } from './spec-check.js';

/** That an isolator looks after a container, and what it wants to be told again. Plain JSON. */
export interface IsolatorNote {
  readonly name: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What all isolators together want for one container. */
export interface Prepared {
  readonly notes: readonly IsolatorNote[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly (IsolatorMount & { readonly by: string })[];
  readonly commands: readonly { readonly by: string; readonly argv: readonly string[] }[];
}

const MAX_DATA_CHARS = 16_384;

/** Puts together what they answered, by their names and in their order. Rejects what cannot be done by the name of whose it is. */
export function together(answers: ReadonlyMap<string, Isolation>): Prepared {
  const all = [...answers];
  for (const [name, isolation] of all) {
    const problem = wordsOf(isolation);
    if (problem !== undefined) throw launchFailed(`isolator ${name} ${problem}`, 'plugin');
  }
  return {
    notes: all.map(([name, { data }]) => ({ name, ...(data && { data }) })),
    env: Object.assign({}, ...all.map(([, { env }]) => env).reverse()) as Record<string, string>,
    mounts: all.flatMap(([by, { mounts = [] }]) => mounts.map((mount) => ({ ...mount, by }))),
    commands: all.flatMap(([by, { commands = [] }]) => commands.map((argv) => ({ by, argv }))),
  };
}

function wordsOf(isolation: Isolation): string | undefined {
  try {
    return faultOf(isolation);
  } catch (error) {
    return `answered what is no isolation: ${messageOf(error)}`;
  }
}

function faultOf({ env = {}, mounts = [], commands = [], data }: Isolation): string | undefined {
  const odd = Object.entries(env).find(([, value]) => typeof value !== 'string');
  if (odd !== undefined) return `sets the variable ${odd[0]}, which is no text`;
  for (const mount of mounts) {
    if (!isPath(mount.target)) return `mounts over "${mount.target}", which is no absolute path below /`;
    if (mount.type === 'bind' && !isPath(mount.source))
      return `mounts "${mount.source}" over ${mount.target}, which is no absolute path below /`;
    if (mount.type === 'tmpfs' && !(Number.isSafeInteger(mount.sizeMib) && mount.sizeMib > 0))
      return `mounts a tmpfs of ${mount.sizeMib} MiB over ${mount.target}: sizes are positive integers`;
  }
  if (commands.some(([program]) => program === undefined)) return 'has a command without a program';
  const { length } = JSON.stringify(data) ?? '';
  return length > MAX_DATA_CHARS
    ? `keeps ${length} characters of a container, ${MAX_DATA_CHARS} are possible`
    : undefined;
}

/** Absolute, without detours, and not the root itself: what is mounted there would be no part of what there is. */
const isPath = (path: string): boolean => /^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/.test(path);

/**
 * Lines of a script in a mount namespace of its own, which has a `refuse`. Of `keep`, at most four directories, what lies below a mount is seen there nevertheless.
 */
export function mountLines(mounts: Prepared['mounts'], mount: string, keep: readonly string[]): string[] {
  const hidden = keep.filter((path) => mounts.some(({ target }) => `${path}/`.startsWith(`${target}/`)));
  const open = hidden.map((path, index) => `exec ${5 + index}<${quote(path)} || refuse 'cannot open' ${quote(path)}`);
  const show = hidden.map((path, index) => {
    const again = `${quote(mount)} -c --bind /proc/self/fd/${5 + index} ${quote(path)}`;
    return `mkdir -p ${quote(path)} && ${again} && exec ${5 + index}<&- || refuse 'cannot keep' ${quote(path)}`;
  });
  return [...open, ...mounts.map((one) => mountLine(one, mount)), ...show];
}

function mountLine(wanted: Prepared['mounts'][number], mount: string): string {
  const { target, by } = wanted;
  const otherwise = `|| refuse ${quote(`isolator ${by}: cannot mount over ${target}`)}`;
  const run = (...argv: string[]) => quoteAll([mount, ...argv]);
  if (wanted.type === 'tmpfs') {
    const options = `size=${wanted.sizeMib}m,mode=${(wanted.mode ?? 0o755).toString(8)},nosuid,nodev`;
    return `${run('-t', 'tmpfs', '-o', options, 'tmpfs', target)} ${otherwise}`;
  }
  const bind = run('--bind', wanted.source, target);
  return `${bind}${wanted.readOnly ? ` && ${run('-o', 'remount,bind,ro', target)}` : ''} ${otherwise}`;
}

export const commandLines = (commands: Prepared['commands']): string[] =>
  commands.map(({ by, argv }) => {
    const otherwise = quote(`isolator ${by}: the command ${argv[0]?.slice(0, 200)} failed`);
    return `${quoteAll(argv)} >/dev/null 9<&- || refuse ${otherwise}`;
  });
