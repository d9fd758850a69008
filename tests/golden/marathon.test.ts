import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EventRing } from '../../plugins/marathon/shell/event-ring.js';
import { listen } from '../../plugins/marathon/shell/http/server.js';
import { FakeCluster } from '../../plugins/marathon/testing/fake-cluster.js';

/**
 * What Marathon's API answers, recorded: each case is a list of requests to a fresh cluster with one agent; the last answer is
 * the one that counts. `UPDATE_GOLDEN=1` writes the answers anew: read the difference before you commit it.
 */
interface Case {
  readonly title: string;
  readonly requests: readonly { method: string; path: string; body?: unknown }[];
  status: number;
  answer: unknown;
}

const FILE = fileURLToPath(new URL('marathon/answers.json', import.meta.url));
const noop = () => {};
const log = { debug: noop, info: noop, warn: noop, error: noop, child: () => log };
const cases = JSON.parse(readFileSync(FILE, 'utf8')) as Case[];
const updating = process.env['UPDATE_GOLDEN'] === '1';

/** Ids and versions are counted, not compared: the first is U1, the next U2. */
function settle(text: string): string {
  const names = new Map<string, string>();
  const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
  return text.replace(UUID, (id) => {
    if (!names.has(id)) names.set(id, `U${names.size + 1}`);
    return names.get(id) ?? id;
  });
}

describe("Marathon's answers", () => {
  for (const each of cases)
    it(each.title, async () => {
      const cluster = new FakeCluster();
      cluster.addAgent();
      cluster.start();
      const server = await listen({ engine: cluster, ring: new EventRing(1), log, address: '' }, '127.0.0.1', 0);
      let [status, text] = [0, ''];
      try {
        for (const { method, path, body } of each.requests) {
          const sent = typeof body === 'string' ? body : JSON.stringify(body);
          const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method, body: sent });
          [status, text] = [answer.status, settle(await answer.text())];
        }
      } finally {
        await server.dispose();
      }
      const answer: unknown = text === '' ? '' : JSON.parse(text);
      if (updating) Object.assign(each, { status, answer });
      else expect({ status, answer }).toEqual({ status: each.status, answer: each.answer });
      if (updating) writeFileSync(FILE, `${JSON.stringify(cases, undefined, 2)}\n`);
    });
});
