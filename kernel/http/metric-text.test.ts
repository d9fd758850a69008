import { messagePieces, messageToJson } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { Fragments } from './fragments.js';
import { groupOf, metricMessages, metricPieces, prometheusPieces, type MetricGroup } from './metric-text.js';
import { bitByBit } from './slices.js';

const cluster = groupOf(
  new Map([
    ['master/tasks_running', 2],
    ['allocator/mesos/roles/we"b\\a/shares/dominant', 0.5],
    ['allocator/mesos/quota/roles/web/resources/cpus/limit', Infinity],
  ]),
);
const framework: MetricGroup = { prefix: 'master/frameworks/"a"/1/', names: ['calls', 'x'], values: [3, NaN] };

test('metrics are written as JSON.stringify writes them, and as messages', async () => {
  const names = [...cluster.names, ...framework.names.map((name) => framework.prefix + name)];
  const all = names.map((name, i) => [name, [...cluster.values, ...framework.values][i]] as const);
  expect([...metricPieces([cluster, framework])].join('')).toBe(JSON.stringify(Object.fromEntries(all)));
  expect([...metricPieces([])].join('')).toBe('{}');
  const metrics = (await bitByBit(metricMessages([cluster, framework]))) as never;
  const name = 'mesos.v1.master.Response';
  const written = messagePieces(
    'json',
    name,
    { type: 'GET_METRICS', getMetrics: { metrics } },
    new Fragments().writeRun,
  );
  const plain = { metrics: all.map(([name, value]) => ({ name, value: value! })) };
  expect([...written].join('')).toBe(messageToJson(name, { type: 'GET_METRICS', getMetrics: plain }));
});

test('for Prometheus names of users are labels, and those of one framework are left out', () => {
  const [text, memory] = [...prometheusPieces([cluster, framework])].join('').split('# HELP process_');
  expect(text).toBe(
    [
      '# HELP mezzo_allocator_mesos_quota_roles_limit allocator/mesos/quota/roles/limit',
      '# TYPE mezzo_allocator_mesos_quota_roles_limit gauge',
      'mezzo_allocator_mesos_quota_roles_limit{role="web",resource="cpus"} +Inf',
      '',
      '# HELP mezzo_allocator_mesos_roles_shares_dominant allocator/mesos/roles/shares/dominant',
      '# TYPE mezzo_allocator_mesos_roles_shares_dominant gauge',
      String.raw`mezzo_allocator_mesos_roles_shares_dominant{role="we\"b\\a"} 0.5`,
      '',
      '# HELP mezzo_master_tasks_running master/tasks_running',
      '# TYPE mezzo_master_tasks_running gauge',
      'mezzo_master_tasks_running 2',
      '',
      '',
    ].join('\n'),
  );
  expect(memory).toMatch(/^resident_memory_bytes .*\n# TYPE .* gauge\nprocess_resident_memory_bytes \d+\n$/);
});
