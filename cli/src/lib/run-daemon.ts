import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { MezzoError } from '@mezzo/sdk/contract';
import { bundledRegistry, executable } from '../up/kernel.js';

/** Runs a daemon in the foreground with the flags as they are; answers its exit code. */
export function runDaemon(daemon: 'master' | 'agent', argv: readonly string[]): Promise<number> {
  const registry = argv.some((arg) => arg.startsWith('--plugins-registry') || arg.startsWith('--plugins_registry'))
    ? []
    : [`--plugins-registry=${bundledRegistry()}`];
  return run(daemon, [...registry, ...argv]);
}

/** Exit status of a daemon that wants to be started again: its plugins have changed. */
export const EXIT_RESTART = 75;

/** Runs one of the kernel's executables in the foreground; answers its exit code. */
export async function run(what: Parameters<typeof executable>[0], argv: readonly string[]): Promise<number> {
  let child: ChildProcess | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const) process.on(name, () => child?.kill(name));
  for (;;) {
    const env = { ...process.env, MEZZO_RESTARTS: '1' };
    const running = (child = spawn(process.execPath, [executable(what), ...argv], { stdio: 'inherit', env }));
    const code = await new Promise<number>((resolve) => running.on('exit', (status) => resolve(status ?? 1)));
    if (code !== EXIT_RESTART) return code;
  }
}

/** Runs one to its end; it prints one line of JSON. Variables that are undefined are taken from its environment. */
export async function runForJson<T>(what: 'restore', env: Readonly<Record<string, string | undefined>>): Promise<T> {
  const child = spawn(process.execPath, [executable(what)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const printed = await text(child.stdout);
  try {
    return JSON.parse(printed) as T;
  } catch (cause) {
    throw new MezzoError('KERNEL_FAILED', `${what} ended without a word`, { blame: 'kernel', cause });
  }
}
