import { parseMessageText } from '@mezzo/sdk/api';

const TIMEOUT_MS = 3000;

/** `host:port` of the leading master, as the local master tells it; undefined when it cannot be asked. */
export async function leaderOf(kernelUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(new URL('/api/v1', kernelUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: '{"type":"GET_MASTER"}',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = parseMessageText('mesos.v1.master.Response', await response.text());
    const info = answer.getMaster?.masterInfo;
    const host = info?.address?.ip ?? info?.address?.hostname ?? info?.hostname;
    return info && host ? `${host.includes(':') ? `[${host}]` : host}:${info.address?.port ?? info.port}` : undefined;
  } catch {
    return undefined;
  }
}
