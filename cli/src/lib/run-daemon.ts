import { spawn } from 'node:child_process';
import { bundledRegistry, executable } from '../up/kernel.js';

/** Runs one of the kernel's executables in the foreground with the flags as they are; answers its exit code. */
export function runDaemon(daemon: 'master' | 'agent', argv: readonly string[]): Promise<number> {
  const registry = argv.some((arg) => arg.startsWith('--plugins-registry') || arg.startsWith('--plugins_registry'))
    ? []
    : [`--plugins-registry=${bundledRegistry()}`];
  const child = spawn(process.execPath, [executable(daemon), ...registry, ...argv], { stdio: 'inherit' });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const) process.on(name, () => child.kill(name));
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}
