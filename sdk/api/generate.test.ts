import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generateMessages } from './generate.js';
import { camelCase, schema, typeName } from './schema.js';

test('messages.ts is what the descriptors say', () => {
  expect(readFileSync(new URL('./messages.ts', import.meta.url), 'utf8')).toBe(generateMessages(schema()));
});

test('names follow the house rules', () => {
  expect(typeName('mesos.v1.TaskInfo')).toBe('TaskInfo');
  expect(typeName('mesos.v1.Offer.Operation.Launch')).toBe('OfferOperationLaunch');
  expect(typeName('mesos.v1.scheduler.Call.Accept')).toBe('SchedulerCallAccept');
  expect(typeName('mesos.v1.quota.QuotaConfig')).toBe('QuotaConfig');
  expect(camelCase('net_tcp_rtt_microsecs_p50')).toBe('netTcpRttMicrosecsP50');
});

test('field numbers of one message never repeat', () => {
  for (const { fullName, fields } of schema().messages.values()) {
    expect(new Set(fields.map((field) => field.number)).size, fullName).toBe(fields.length);
  }
});
