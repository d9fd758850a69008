import { parseMessageText } from '@mezzo/sdk/api';

const TIMEOUT_MS = 3000;

/** Base URL of the leading master, as the local master tells it; undefined when it cannot be asked. */
export async function leaderUrl(kernelUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(new URL('/api/v1', kernelUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: '{"type":"GET_MASTER"}',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const info = parseMessageText('mesos.v1.master.Response', await response.text()).getMaster?.masterInfo;
    const host = info?.address?.ip ?? info?.address?.hostname ?? info?.hostname;
    if (info === undefined || !host) return undefined;
    const { protocol } = new URL(kernelUrl);
    return `${protocol}//${host.includes(':') ? `[${host}]` : host}:${info.address?.port ?? info.port}`;
  } catch {
    return undefined;
  }
}
