import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeMessage,
  encodeMessage,
  messageToJson,
  messageToObject,
  parseMessage,
  parseMessageText,
  type MessageName,
} from './codec.js';
import { stringifyJson } from './json-text.js';
import { anyMessage } from '../../tests/support/any-message.js';

const TYPES: MessageName[] = [
  'mesos.v1.TaskInfo',
  'mesos.v1.Offer',
  'mesos.v1.TaskStatus',
  'mesos.v1.ResourceStatistics',
  'mesos.v1.scheduler.Call',
  'mesos.v1.scheduler.Event',
  'mesos.v1.executor.Event',
  'mesos.v1.master.Event',
  'mesos.v1.master.Call',
  'mesos.v1.agent.Call',
];

describe.each(TYPES)('%s', (name) => {
  const any = anyMessage(name);

  test('survives protobuf', () => {
    fc.assert(
      fc.property(any, (message) => {
        expect(decodeMessage(name, encodeMessage(name, message))).toEqual(message);
      }),
      {
        numRuns: 40,
      },
    );
  });

  test('survives JSON, with the shown defaults filled in', () => {
    fc.assert(
      fc.property(any, (message) => {
        const text = messageToJson(name, message);
        const read = parseMessageText(name, text);
        expect(read).toMatchObject(message);
        expect(messageToJson(name, read)).toBe(text);
        expect(stringifyJson(messageToObject(name, message))).toBe(text);
      }),
      { numRuns: 40 },
    );
  });

  test('damaged protobuf is refused or read, and never crashes', () => {
    fc.assert(
      fc.property(any, fc.nat(), fc.nat({ max: 255 }), (message, at, byte) => {
        const bytes = encodeMessage(name, message);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        try {
          decodeMessage(name, bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_MESSAGE', blame: 'user' });
        }
      }),
      { numRuns: 60 },
    );
  });
});

const refusal = (name: MessageName, text: string): string => {
  try {
    parseMessageText(name, text);
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_MESSAGE', blame: 'user', details: { type: name } });
    return (error as Error).message;
  }
  return 'accepted';
};

describe('reading JSON', () => {
  test('unknown keys, nulls and empty lists are not there', () => {
    expect(
      parseMessageText('mesos.v1.scheduler.Call', '{"type":"REVIVE","zzz":1,"accept":null,"revive":{"roles":[]}}'),
    ).toEqual({ type: 'REVIVE', revive: {} });
  });

  test('an unknown name is dropped from an optional enum and refused in a required one', () => {
    expect(parseMessageText('mesos.v1.scheduler.Call', '{"type":"LATER"}')).toEqual({});
    expect(parseMessageText('mesos.v1.CapabilityInfo', '{"capabilities":["KILL","LATER"]}')).toEqual({
      capabilities: ['KILL'],
    });
    expect(refusal('mesos.v1.Value', '{"type":"LATER"}')).toBe("Failed to find enum for 'LATER'");
  });

  test('numbers and booleans may be strings', () => {
    expect(
      parseMessage('mesos.v1.HealthCheck', { delay_seconds: '1.5', consecutive_failures: '4', tcp: { port: '80' } }),
    ).toEqual({ delaySeconds: 1.5, consecutiveFailures: 4, tcp: { port: 80 } });
    expect(parseMessage('mesos.v1.CommandInfo', { shell: 'false' })).toEqual({ shell: false });
    expect(parseMessage('mesos.v1.Value.Scalar', { value: 'Infinity' })).toEqual({ value: Infinity });
    expect(parseMessage('mesos.v1.Value.Range', { begin: '18446744073709551615', end: 1 })).toEqual({
      begin: 18446744073709551615n,
      end: 1,
    });
  });

  test('what is wrong is named as Mesos does', () => {
    expect(refusal('mesos.v1.scheduler.Call', '[]')).toBe('Expecting a JSON object');
    expect(refusal('mesos.v1.scheduler.Call', '{"type":1}')).toBe("Not expecting a JSON number for field 'type'");
    expect(refusal('mesos.v1.executor.Call', '{"type":"UPDATE"}')).toBe(
      'Missing required fields: executor_id, framework_id',
    );
    expect(refusal('mesos.v1.scheduler.Call', '{"subscribe":{"framework_info":{"user":"root"}}}')).toBe(
      'Missing required fields: subscribe.framework_info.name',
    );
    expect(refusal('mesos.v1.master.Call', '{"read_file":{"path":3,"offset":"x"}}')).toBe(
      "Failed to parse 'x' as a JSON number for field 'offset': syntax error at line 1 near: x",
    );
    expect(refusal('mesos.v1.scheduler.Event.Message', '{"data":"***"}')).toBe(
      "Failed to base64 decode bytes field 'data': Invalid character '*'",
    );
    expect(refusal('mesos.v1.CommandInfo', '{"shell":[true]}')).toBe("Not expecting a JSON array for field 'shell'");
    expect(refusal('mesos.v1.Port', '{"number":-1}')).toBe("Value -1 is out of range for field 'number'");
    expect(refusal('mesos.v1.TaskGroupInfo', '{"tasks":[{"name":"a","task_id":{},"agent_id":{"value":"s"}}]}')).toBe(
      'Missing required fields: tasks[0].task_id.value',
    );
  });

  test('nesting has a bound', () => {
    const nested = (levels: number) => '{"value":"a","parent":'.repeat(levels) + '{"value":"b"}' + '}'.repeat(levels);
    expect(refusal('mesos.v1.ContainerID', nested(99))).toBe('accepted');
    expect(refusal('mesos.v1.ContainerID', nested(20_000))).toMatch(/deeper/);
  });

  test('a map takes any key', () => {
    const limits = parseMessageText(
      'mesos.v1.quota.QuotaConfig',
      '{"role":"r","limits":{"__proto__":{"value":1}}}',
    ).limits!;
    expect(Object.keys(limits)).toEqual(['__proto__']);
    expect(({} as { value?: unknown }).value).toBeUndefined();
  });
});

describe('writing JSON', () => {
  test('unset fields show their default, unless it is deprecated', () => {
    expect(messageToJson('mesos.v1.FrameworkInfo', { user: 'u', name: 'n' })).toBe(
      '{"user":"u","name":"n","failover_timeout":0,"checkpoint":false}',
    );
    expect(messageToJson('mesos.v1.Environment.Variable', { name: 'A', value: 'b' })).toBe(
      '{"name":"A","type":"VALUE","value":"b"}',
    );
  });

  test('empty lists and maps are left out', () => {
    expect(messageToJson('mesos.v1.quota.QuotaConfig', { role: 'r', limits: {} })).toBe('{"role":"r"}');
    expect(messageToObject('mesos.v1.Labels', { labels: [] })).toEqual({});
  });

  test('an unset required field is a bug of ours', () => {
    expect(() => messageToJson('mesos.v1.TaskID', {} as never)).toThrow(/assertion failed/);
    expect(() => encodeMessage('mesos.v1.TaskID', {} as never)).toThrow(/assertion failed/);
  });
});

test('protobuf bytes are those of other writers', () => {
  const bytes = encodeMessage('mesos.v1.Resource', { name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 }, role: '*' });
  expect(Buffer.from(bytes).toString('hex')).toBe('0a04637075731000' + '1a09' + '09000000000000e03f' + '32012a');
  expect(decodeMessage('mesos.v1.HealthCheck.HTTPCheckInfo', Buffer.from('08502203010203', 'hex'))).toEqual({
    port: 80,
    statuses: [1, 2, 3],
  });
});
