import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACTIONS } from '@mezzo/sdk/points/authorizer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../tidy/sources.js';
import { startTestAgent, type TestAgentDaemon } from './agent-support.js';
import { page, rowsOf, section } from './compatibility-page.js';
import { post, startTestMaster, type TestMaster } from './master-support.js';

/** The page that tells users what works, held against the messages and the daemons. */

/** Types of calls and events by what the page says of them. */
const said = (title: string): Map<string, string> =>
  new Map(
    [...section(title).matchAll(/^\| ([A-Z_, ]+) \| (works|differs|not yet) \|/gm)].flatMap(([, calls, verdict]) =>
      calls!.split(', ').map((call) => [call.trim(), verdict!] as const),
    ),
  );

function typesOf(message: 'Call' | 'Event', proto: string): string[] {
  const text = readFileSync(join(root, 'sdk/api/proto/mesos/v1', proto), 'utf8');
  const [, body] = new RegExp(`message ${message} \\{\\s*enum Type \\{([^}]*)\\}`).exec(text)!;
  return [...body!.matchAll(/([A-Z_]+) = \d+/g)].map(([, name]) => name!);
}

test.each([
  ['Call', 'Scheduler API', 'scheduler.proto'],
  ['Event', 'Scheduler API', 'scheduler.proto'],
  ['Call', 'Operator API of the master', 'master.proto'],
  ['Event', 'Operator API of the master', 'master.proto'],
  ['Call', 'Operator API of the agent', 'agent.proto'],
  ['Call', 'Executor API', 'executor.proto'],
  ['Event', 'Executor API', 'executor.proto'],
] as const)('the page has a verdict on every %s of the %s', (message, title, proto) => {
  const known = said(title);
  expect(typesOf(message, proto).filter((type) => !known.has(type))).toEqual([]);
});

test('the page has a verdict on every capability of frameworks', () => {
  const text = readFileSync(join(root, 'sdk/api/proto/mesos/v1/mesos.proto'), 'utf8');
  const [, info] = /message FrameworkInfo \{([\s\S]*?)\n\}/.exec(text)!;
  const names = [...info!.matchAll(/^ +([A-Z_]+) = \d+;/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'UNKNOWN');
  expect(names.length).toBeGreaterThan(7);
  expect(names.filter((name) => !said('What frameworks can').has(name))).toEqual([]);
});

test('the page has a verdict on every action of the ACLs', () => {
  const rows = [...page.matchAll(/^\| ([a-z_, ]+) \| (?:works|differs|not yet) \|/gm)];
  const known = new Set(rows.flatMap(([, actions]) => actions!.split(', ')));
  expect(Object.keys(ACTIONS).filter((action) => !known.has(action))).toEqual([]);
});

test('the page has a verdict on each of the forty features that matter most', () => {
  const rows = rowsOf('The features that matter most').slice(1);
  expect(rows.map(([number]) => Number(number))).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  expect(rows.filter(([, , verdict]) => !['works', 'differs', 'not yet'].includes(verdict!))).toEqual([]);
  expect(rows.filter(([, , verdict, shown]) => verdict === 'works' && !/\.test\.ts`/.test(shown!))).toEqual([]);
});

test('tests that the page names exist', () => {
  const named = [...page.matchAll(/`((?:kernel|sdk|tests|plugins)\/[\w./-]+\.test\.ts)`/g)].map(([, path]) => path!);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

describe('a master', () => {
  let master: TestMaster;
  beforeAll(async () => void (master = await startTestMaster()));
  afterAll(() => master.close());

  const machine_ids = [{ hostname: 'nobody' }];
  const unavailability = { start: { nanoseconds: 1 } };
  const payloads: Record<string, object> = {
    GET_METRICS: { get_metrics: {} },
    SET_LOGGING_LEVEL: { set_logging_level: { level: 0, duration: { nanoseconds: 0 } } },
    LIST_FILES: { list_files: { path: '/master/log' } },
    READ_FILE: { read_file: { path: '/master/log', offset: 0, length: 10 } },
    UPDATE_WEIGHTS: { update_weights: { weight_infos: [{ role: 'web', weight: 2 }] } },
    UPDATE_QUOTA: { update_quota: { quota_configs: [{ role: 'web', limits: { cpus: { value: 1 } } }] } },
    UPDATE_MAINTENANCE_SCHEDULE: {
      update_maintenance_schedule: { schedule: { windows: [{ machine_ids, unavailability }] } },
    },
    START_MAINTENANCE: { start_maintenance: { machines: machine_ids } },
    STOP_MAINTENANCE: { stop_maintenance: { machines: machine_ids } },
  };
  const verdicts = said('Operator API of the master');
  const askable = typesOf('Call', 'master.proto').filter(
    (type) => type.startsWith('GET_') || payloads[type] !== undefined,
  );

  test.each(askable)('%s does as the page says', async (type) => {
    const { status, text } = await post(master.daemon, '/api/v1', { type, ...payloads[type] });
    expect(status, text).toBe(verdicts.get(type) === 'works' ? 200 : 501);
    if (text !== '' && status === 200) expect(JSON.parse(text)).toMatchObject({ type });
  });
});

describe('an agent', () => {
  let agent: TestAgentDaemon;
  beforeAll(async () => void (agent = await startTestAgent()));
  afterAll(() => agent.close());

  const payloads: Record<string, object> = {
    GET_METRICS: { get_metrics: {} },
    SET_LOGGING_LEVEL: { set_logging_level: { level: 0, duration: { nanoseconds: 0 } } },
    LIST_FILES: { list_files: { path: '/slave/log' } },
    READ_FILE: { read_file: { path: '/slave/log', offset: 0, length: 10 } },
    PRUNE_IMAGES: { prune_images: {} },
    ADD_RESOURCE_PROVIDER_CONFIG: { add_resource_provider_config: { info: { type: 't', name: 'n' } } },
  };
  const verdicts = said('Operator API of the agent');
  const askable = typesOf('Call', 'agent.proto').filter(
    (type) => type.startsWith('GET_') || payloads[type] !== undefined,
  );

  test.each(askable)('%s does as the page says', async (type) => {
    const { status, text } = await post(agent.daemon, '/api/v1', { type, ...payloads[type] });
    expect(status, text).toBe(verdicts.get(type) === 'works' ? 200 : 501);
    if (text !== '' && status === 200) expect(JSON.parse(text)).toMatchObject({ type });
  });
});
