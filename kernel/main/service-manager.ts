import { spawn, type ChildProcess } from 'node:child_process';
import type { Logger } from '@mezzo/sdk/contract';

type Environment = Record<string, string | undefined>;

const NAMES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];
/** Lines on stdin, each a message. Ends with its stdin, hence with the daemon. */
const TELL = 'while IFS= read -r line; do systemd-notify "$line" || exit; done';

/**
 * Tells systemd how a service of `Type=notify` does (packaging/systemd); says nothing where nobody listens. Node has no sockets of the kind
 * that it takes: systemd-notify has, started by a shell that is forked while this process is small. Hence `NotifyAccess=all`.
 */
export class ServiceManager {
  private readonly child: ChildProcess | undefined;

  /** Takes its variables out of the environment: what we start is not the service. */
  constructor(env: Environment = process.env) {
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: timeout, WATCHDOG_PID: pid = String(process.pid) } = env;
    for (const name of NAMES) delete env[name];
    if (!socket) return;
    this.child = spawn('/bin/sh', ['-c', TELL], {
      env: { PATH: env['PATH'], NOTIFY_SOCKET: socket },
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    this.child.on('error', () => {}).unref();
    this.child.stdin?.on('error', () => {});
    // A process that hangs tells nothing: it is ended, and started again.
    if (Number(timeout) > 0 && pid === String(process.pid))
      setInterval(() => this.tell('WATCHDOG=1'), Number(timeout) / 2000).unref();
  }

  /** Somebody listens, and starts this process again when it fails. */
  get isThere(): boolean {
    return this.child !== undefined;
  }

  /** Assignments as in sd_notify(3): `READY=1`. */
  tell(...assignments: readonly string[]): void {
    for (const one of assignments) this.child?.stdin?.write(`${one}\n`);
  }

  /** Whether it hears us: what is told to a shell that has ended is lost. */
  watch(log: Logger): void {
    this.child?.on('exit', (code) => log.warn('systemd is told nothing any more: systemd-notify failed', { code }));
  }
}
