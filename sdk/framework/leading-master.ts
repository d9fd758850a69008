import { parseMessageText } from '../api/codec.js';

const TIMEOUT_MS = 3000;

/** Base URL of the leading master, as any master tells it (GET_MASTER); undefined when it cannot be asked. */
export async function leadingMasterUrl(masterUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(new URL('/api/v1', masterUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: '{"type":"GET_MASTER"}',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const info = parseMessageText('mesos.v1.master.Response', await response.text()).getMaster?.masterInfo;
    const host = info?.address?.ip ?? info?.address?.hostname ?? info?.hostname;
    if (info === undefined || !host) return undefined;
    const { protocol } = new URL(masterUrl);
    return `${protocol}//${host.includes(':') ? `[${host}]` : host}:${info.address?.port ?? info.port}`;
  } catch {
    return undefined;
  }
}
