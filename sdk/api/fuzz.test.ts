import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage, messageToJson, parseMessageText, type MessageName } from './codec.js';
import { parseJson } from './json-text.js';
import { RecordDecoder, encodeRecord } from './recordio.js';

/** Whatever bytes come in: a message or the codec's own error, in bounded time and memory. */

const CALLS: MessageName[] = [
  'mesos.v1.scheduler.Call',
  'mesos.v1.executor.Call',
  'mesos.v1.master.Call',
  'mesos.v1.agent.Call',
];

/** The message, or undefined when it was refused as it should be. */
function readOr<T>(read: () => T, ...codes: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toMatchObject({ blame: 'user' });
    expect(codes).toContain((error as { code: string }).code);
    return undefined;
  }
}

/** Whether a call throws; how long it takes and what it holds is measured by the bounds of the tests themselves. */
const isRefused = (read: () => unknown): boolean => {
  try {
    read();
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^INVALID_(JSON|MESSAGE)$/) as string });
    return true;
  }
};

/** JSON whose keys are those of calls, so that the readers are reached. */
const KEYS = [
  ...['type', 'framework_id', 'value', 'subscribe', 'framework_info', 'accept', 'offer_ids', 'operations', 'launch'],
  ...['task_infos', 'resources', 'scalar', 'ranges', 'range', 'begin', 'labels', 'acknowledge', 'uuid', 'filters'],
  ...['kill', 'reconcile', 'tasks', '__proto__', 'constructor', 'toString', 'read_file', 'offset', 'update_quota'],
];
const TEXTS = [
  'SUBSCRIBE',
  'ACCEPT',
  'READ_FILE',
  '-1',
  '1e999',
  'NaN',
  'Infinity',
  'AAAA',
  '\u0000',
  '\ud800',
  'true',
];
const { any } = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e300, 2 ** 63, ...TEXTS),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('any'), { maxKeys: 6 }),
  ),
}));

describe.each(CALLS)('%s', (name) => {
  test('is read from any JSON, or refused, and what was read can be written in both forms', () => {
    fc.assert(
      fc.property(any, (json) => {
        const read = readOr(() => parseMessageText(name, JSON.stringify(json)), 'INVALID_MESSAGE');
        if (read === undefined) return;
        const text = messageToJson(name, read);
        expect(messageToJson(name, decodeMessage(name, encodeMessage(name, read)))).toBe(text);
        expect(messageToJson(name, parseMessageText(name, text))).toBe(text);
      }),
      { numRuns: 300 },
    );
    expect(({} as { value?: unknown }).value).toBeUndefined();
  });

  test('is read from any bytes, or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const read = readOr(() => decodeMessage(name, bytes), 'INVALID_MESSAGE');
        if (read !== undefined) messageToJson(name, read);
      }),
      { numRuns: 500 },
    );
  });
});

test('a call that is cut off anywhere is refused or is a shorter one', () => {
  const whole = encodeMessage('mesos.v1.scheduler.Call', {
    type: 'ACCEPT',
    frameworkId: { value: 'f' as never },
    accept: {
      offerIds: [{ value: 'o' as never }],
      operations: [{ type: 'LAUNCH', launch: { taskInfos: [] } }],
      filters: { refuseSeconds: 5 },
    },
  });
  const text = messageToJson('mesos.v1.scheduler.Call', decodeMessage('mesos.v1.scheduler.Call', whole));
  for (let at = 0; at < whole.length; at++)
    readOr(() => decodeMessage('mesos.v1.scheduler.Call', whole.subarray(0, at)), 'INVALID_MESSAGE');
  for (let at = 0; at < text.length; at++)
    readOr(() => parseMessageText('mesos.v1.scheduler.Call', text.slice(0, at)), 'INVALID_JSON');
});

test('of a key that stands twice the last one counts, as in Mesos', () => {
  expect(parseMessageText('mesos.v1.master.Call', '{"type":"GET_FLAGS","type":"GET_HEALTH"}').type).toBe('GET_HEALTH');
});

describe('what is small on the wire and large in memory is refused before it is built', () => {
  const MEGA = 1024 * 1024;

  test.each([
    ['lists in lists', '['.repeat(16 * MEGA)],
    ['objects in objects', '{"a":'.repeat(3 * MEGA)],
    ['lists in lists, closed again', `${'['.repeat(2 * MEGA)}${']'.repeat(2 * MEGA)}`],
    ['millions of empty objects', `{"zzz":[${'{},'.repeat(5 * MEGA)}0]}`],
  ])('%s', (_, text) => {
    const began = Date.now();
    expect(isRefused(() => parseMessageText('mesos.v1.scheduler.Call', text))).toBe(true);
    expect(Date.now() - began).toBeLessThan(2000);
  });

  test('brackets within strings are but letters', () => {
    const text = JSON.stringify({ type: 'REVIVE', zzz: '[{"\\'.repeat(MEGA) });
    expect(parseMessageText('mesos.v1.scheduler.Call', text)).toEqual({ type: 'REVIVE' });
  });

  test('a reconciliation of 300,000 tasks is no attack', () => {
    const tasks = Array.from({ length: 300_000 }, (_, i) => ({ task_id: { value: `t${i}` } }));
    const call = parseMessageText(
      'mesos.v1.scheduler.Call',
      JSON.stringify({ type: 'RECONCILE', reconcile: { tasks } }),
    );
    expect(call.reconcile?.tasks).toHaveLength(300_000);
    expect(decodeMessage('mesos.v1.scheduler.Call', encodeMessage('mesos.v1.scheduler.Call', call))).toEqual(call);
  });

  test('millions of empty messages', () => {
    const labels = new Uint8Array(6 * MEGA); // field 1 of Labels, no bytes, again and again
    for (let at = 0; at < labels.length; at += 2) labels[at] = 10;
    expect(isRefused(() => decodeMessage('mesos.v1.Labels', labels))).toBe(true);
  });

  test('an error names the first faults of many', () => {
    const text = JSON.stringify({ labels: Array.from({ length: 100_000 }, () => ({})) });
    const failure = (() => {
      try {
        parseMessageText('mesos.v1.Labels', text);
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    })();
    expect(failure).toMatch(/^Missing required fields: labels\[0\]\.key, labels\[1\]\.key/);
    expect(failure.length).toBeLessThan(1000);
  });
});

test('RecordIO takes any bytes: records, or its own error, never more memory than the bound', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (chunks) => {
      const decoder = new RecordDecoder(1000);
      try {
        for (const chunk of chunks) for (const record of decoder.push(chunk)) expect(record.length).toBeGreaterThan(0);
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^(INVALID_RECORDIO|RECORD_TOO_LARGE)$/);
      }
    }),
    { numRuns: 500 },
  );
});

test('damaged RecordIO never yields more than was framed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 20 }), { maxLength: 5 }),
      fc.nat(),
      fc.nat(255),
      (texts, at, byte) => {
        const bytes = Buffer.concat(texts.map((text) => encodeRecord(text)));
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        try {
          const records = new RecordDecoder(1000).push(bytes);
          expect(records.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^(INVALID_RECORDIO|RECORD_TOO_LARGE)$/);
        }
      },
    ),
  );
});

test('JSON that is nearly right is refused in time that follows its length', () => {
  for (const text of [
    `${'"'.repeat(200_000)}x`,
    '\\'.repeat(400_000),
    `"${'\\"'.repeat(300_000)}`,
    '1'.repeat(500_000) + 'e',
    '-'.repeat(300_000),
    `[${'1234567890123456789,'.repeat(60_000)}`,
  ]) {
    const began = Date.now();
    expect(isRefused(() => parseJson(text))).toBe(true);
    expect(Date.now() - began).toBeLessThan(1000);
  }
});
