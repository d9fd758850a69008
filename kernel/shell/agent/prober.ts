import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { hasCode, messageOf } from '@mezzo/sdk/contract';
import type { Containerizer } from '@mezzo/sdk/points/containerizer';
import type { Probe } from '../../core/agent/effects.js';
import type { ProbeOutcome } from '../../core/agent/events.js';

type Http = Extract<Probe, { kind: 'http' }>;

/** Runs one probe. Never rejects: what goes wrong is the outcome. */
export async function runProbe(
  probe: Probe,
  timeoutMs: number,
  containerizer: Containerizer | undefined,
  containerId: string,
): Promise<ProbeOutcome> {
  try {
    if (probe.kind === 'tcp') return { kind: 'tcp', connected: await tcpConnects(probe.host, probe.port, timeoutMs) };
    if (probe.kind === 'http') return { kind: 'http', status: await httpStatus(probe, timeoutMs) };
    if (containerizer === undefined) return { kind: 'failed', message: 'there is no containerizer to ask' };
    const { code } = await containerizer.exec(containerId, probe.command, timeoutMs);
    return { kind: 'exit', code };
  } catch (error) {
    const message = hasCode(error, 'EXEC_TIMEOUT') ? `no answer within ${timeoutMs} ms` : messageOf(error);
    return { kind: 'failed', message };
  }
}

function tcpConnects(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (connected: boolean): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(connected);
    };
    const deadline = setTimeout(() => finish(false), timeoutMs);
    socket.on('connect', () => finish(true));
    socket.on('error', () => finish(false));
  });
}

/** A new connection each time, as a client would make; certificates are not the health check's matter. */
function httpStatus({ scheme, host, port, path }: Http, timeoutMs: number): Promise<number> {
  const https = scheme.toLowerCase() === 'https';
  return new Promise((resolve, reject) => {
    const options = { host, port, path: path.startsWith('/') ? path : `/${path}`, agent: false } as const;
    const made = https ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
    const deadline = setTimeout(() => made.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    made.on('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    made.on('error', reject);
    made.on('close', () => clearTimeout(deadline));
    made.end();
  });
}
