import type { ServiceManager } from './service-manager.js';

/** Exit status (sysexits: EX_TEMPFAIL) of a daemon that wants to be started again at once: its plugins have changed. */
export const EXIT_RESTART = 75;

/** Whether somebody starts this process again when it ends: systemd, or one of ours that says so in the environment. */
export function isStartedAgain(
  systemd: ServiceManager,
  env: Record<string, string | undefined> = process.env,
): boolean {
  const said = env['MEZZO_RESTARTS'] === '1';
  // What we start is not started again by whoever starts us.
  delete env['MEZZO_RESTARTS'];
  return said || systemd.isThere;
}
