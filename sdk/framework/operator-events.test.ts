import { expect, test } from 'vitest';
import { ScriptedServer, stream } from '../testing/scripted-server.js';
import { subscribeOperatorEvents } from './operator-events.js';

test('each subscription begins with a snapshot', async () => {
  const snapshot = { type: 'SUBSCRIBED', subscribed: { get_state: {}, heartbeat_interval_seconds: 15 } };
  const server = await ScriptedServer.start((_, response, index) => {
    stream(response, snapshot, { type: 'HEARTBEAT' });
    if (index > 0) return;
    stream(response, { type: 'AGENT_REMOVED', agent_removed: { agent_id: { value: 's' } } });
    setTimeout(() => response.end(), 5);
  });
  const events = subscribeOperatorEvents({ urls: [server.url], backoff: { initialMs: 1 } });
  const types: unknown[] = [];
  try {
    for await (const event of events) {
      types.push(event.type);
      expect(events.connected).toBe(true);
      if (types.length === 3) break;
    }
  } finally {
    await events.close();
    await server.stop();
  }
  expect(types).toEqual(['SUBSCRIBED', 'AGENT_REMOVED', 'SUBSCRIBED']);
  expect(server.received[0]).toMatchObject({ path: '/api/v1', call: { type: 'SUBSCRIBE' } });
});

test('a snapshot may be larger than any other record', async () => {
  const framework_info = { user: 'nobody', name: 'x'.repeat(65 * 1024 * 1024) };
  const framework = { framework_info, active: true, connected: true, recovered: false };
  const snapshot = { type: 'SUBSCRIBED', subscribed: { get_state: { get_frameworks: { frameworks: [framework] } } } };
  const server = await ScriptedServer.start((_, response) => stream(response, snapshot));
  const events = subscribeOperatorEvents({ urls: [server.url] });
  try {
    for await (const event of events) {
      const [first] = event.subscribed!.getState!.getFrameworks!.frameworks!;
      expect(first!.frameworkInfo.name).toHaveLength(framework_info.name.length);
      break;
    }
  } finally {
    await events.close();
    await server.stop();
  }
});
