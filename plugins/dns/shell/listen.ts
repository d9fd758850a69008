import { MezzoError } from '@mezzo/sdk/contract';

/** What a failed `listen` means to the operator. `key` names the configuration to change. */
export function listenError(error: unknown, what: string, host: string, port: number, key: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const where = `${what} port ${port} on ${host}`;
  const next = `free the port, or set plugins.dns.${key} (or --port-offset) to another one`;
  if (code === 'EADDRINUSE')
    return new MezzoError('PORT_TAKEN', `${where} is taken by another process`, {
      blame: 'operator',
      next,
      cause: error,
    });
  if (code === 'EACCES')
    return new MezzoError('PORT_TAKEN', `${where} needs more rights than this process has`, {
      blame: 'operator',
      next: `run as root or with CAP_NET_BIND_SERVICE, or set plugins.dns.${key} to a port above 1023`,
      cause: error,
    });
  return error;
}
