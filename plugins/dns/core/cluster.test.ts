import type { MasterResponseGetAgentsAgent, MasterResponseGetFrameworksFramework, Task } from '@mezzo/sdk/api';
import { beforeEach, describe, expect, test } from 'vitest';
import { ClusterZone } from './cluster.js';
import { rfc1123Label } from './labels.js';
import { Zone } from './zone.js';

const RULES = { domain: 'mesos', label: rfc1123Label, ipSources: 'auto', onlyHealthy: true } as const;

const agent = (id: string, pid: string): MasterResponseGetAgentsAgent => ({
  agentInfo: { hostname: 'host', id: { value: id } },
  active: true,
  version: '1',
  pid,
});
const framework = (id: string, name: string, more = {}): MasterResponseGetFrameworksFramework => ({
  frameworkInfo: { user: 'root', name, id: { value: id }, ...more },
  active: true,
  connected: true,
  recovered: false,
});
const task = (id: string, name: string, more: Partial<Task> = {}): Task => ({
  name,
  taskId: { value: id },
  frameworkId: { value: 'F0' },
  agentId: { value: 'M-S0' },
  state: 'TASK_RUNNING',
  ...more,
});
const ports = (begin: number, end: number) => [
  { name: 'ports', type: 'RANGES' as const, ranges: { range: [{ begin, end }] } },
];

let zone: Zone;
let cluster: ClusterZone;

beforeEach(() => {
  zone = new Zone('mesos');
  cluster = new ClusterZone(zone, RULES);
});

const load = (tasks: Task[], agents = [agent('M-S0', 'slave(1)@10.0.0.5:5051')], recovered: string[] = []): void => {
  const snapshot = cluster.snapshot({
    getTasks: { tasks },
    getAgents: { agents, recoveredAgents: recovered.map((id) => ({ hostname: 'host', id: { value: id } })) },
    getFrameworks: { frameworks: [framework('F0', 'marathon')] },
  });
  while (!snapshot.next().done);
};
const names = (): string[] =>
  [...zone.all()].filter((node) => node.A ?? node.AAAA ?? node.SRV).map((node) => node.name);
const table = (match: RegExp): Record<string, readonly string[]> =>
  Object.fromEntries(
    [...zone.all()]
      .filter((node) => match.test(node.name))
      .map((node) => [node.name, [...node.distinct('A'), ...node.distinct('AAAA'), ...node.distinct('SRV')]] as const)
      .filter(([, values]) => values.length > 0),
  );

describe('names of tasks', () => {
  test('a task without discovery is named after itself, its services point to its agent', () => {
    load([task('test', 'a.g', { resources: ports(31000, 31001) })]);
    const services = ['a-g-iffe9-s0.marathon.slave.mesos:31000', 'a-g-iffe9-s0.marathon.slave.mesos:31001'];
    expect(table(/a-g/)).toEqual({
      'a-g.marathon.mesos': ['10.0.0.5'],
      'a-g-iffe9-s0.marathon.mesos': ['10.0.0.5'],
      'a-g.marathon.slave.mesos': ['10.0.0.5'],
      'a-g-iffe9-s0.marathon.slave.mesos': ['10.0.0.5'],
      '_a-g._tcp.marathon.slave.mesos': services,
      '_a-g._udp.marathon.slave.mesos': services,
      '_a-g._tcp.marathon.mesos': services,
      '_a-g._udp.marathon.mesos': services,
    });
  });

  test('discovery names a task twice and gives its services the ports that it lists', () => {
    const discovery = {
      visibility: 'FRAMEWORK' as const,
      name: 'liquor.Store',
      ports: { ports: [{ number: 80, name: 'http', protocol: 'tcp' }, { number: 53 }] },
    };
    load([task('test', 'ignored', { discovery, resources: ports(31000, 31000) })]);
    expect(table(/liquor-store/)).toEqual({
      'liquor-store.marathon.mesos': ['10.0.0.5'],
      'liquor-store-iffe9-s0.marathon.mesos': ['10.0.0.5'],
      'liquor-store.marathon.slave.mesos': ['10.0.0.5'],
      'liquor-store-iffe9-s0.marathon.slave.mesos': ['10.0.0.5'],
      '_liquor-store._tcp.marathon.slave.mesos': ['liquor-store-iffe9-s0.marathon.slave.mesos:31000'],
      '_liquor-store._udp.marathon.slave.mesos': ['liquor-store-iffe9-s0.marathon.slave.mesos:31000'],
      '_liquor-store._tcp.marathon.mesos': [
        'liquor-store-iffe9-s0.marathon.mesos:80',
        'liquor-store-iffe9-s0.marathon.mesos:53',
      ],
      '_liquor-store._udp.marathon.mesos': ['liquor-store-iffe9-s0.marathon.mesos:53'],
      '_http._liquor-store._tcp.marathon.mesos': ['liquor-store-iffe9-s0.marathon.mesos:80'],
    });
    expect(table(/^liquor\.store\.marathon\.mesos$/)).toEqual({ 'liquor.store.marathon.mesos': ['10.0.0.5'] });
    expect(names().filter((name) => name.includes('ignored'))).toEqual([]);
  });

  test('tasks of one name share it', () => {
    load(
      [task('a', 'web'), task('b', 'web', { agentId: { value: 'M-S1' } })],
      [agent('M-S0', 'slave(1)@10.0.0.5:5051'), agent('M-S1', 'slave(1)@[fd00::6]:5051')],
    );
    expect(table(/^web\.marathon\.mesos$/)).toEqual({ 'web.marathon.mesos': ['10.0.0.5', 'fd00::6'] });
  });

  test('a task on a network of its own has its own address', () => {
    const containerStatus = { networkInfos: [{ ipAddresses: [{ ipAddress: '9.0.0.7' }] }] };
    const statuses = [
      { taskId: { value: 't' }, state: 'TASK_STARTING' as const, timestamp: 9 },
      { taskId: { value: 't' }, state: 'TASK_RUNNING' as const, timestamp: 5, containerStatus },
    ];
    const own = { type: 'MESOS' as const, networkInfos: [{ name: 'dcos' }] };
    load([task('t', 'own', { statuses, container: own }), task('u', 'shared', { statuses })]);
    expect(table(/^(own|shared)\.marathon/)).toMatchObject({
      'own.marathon.mesos': ['9.0.0.7'],
      'own.marathon.slave.mesos': ['10.0.0.5'],
      'shared.marathon.mesos': ['10.0.0.5'],
    });
  });

  test('ports that Marathon says are open on the host make the address of the host', () => {
    const containerStatus = { networkInfos: [{ ipAddresses: [{ ipAddress: '9.0.0.7' }] }] };
    const statuses = [{ taskId: { value: 't' }, state: 'TASK_RUNNING' as const, containerStatus }];
    const container = { type: 'MESOS' as const, networkInfos: [{ name: 'bridge' }] };
    const scoped = (value: string) => ({
      visibility: 'FRAMEWORK' as const,
      name: value,
      ports: { ports: [{ number: 80, labels: { labels: [{ key: 'network-scope', value }] } }] },
    });
    const tasks = ['host', 'container'].map((scope) =>
      task(scope, 'x', { statuses, container, discovery: scoped(scope) }),
    );
    load(tasks);
    expect(table(/^(host|container)\.marathon\.mesos/)).toEqual({
      'host.marathon.mesos': ['10.0.0.5'],
      'container.marathon.mesos': ['9.0.0.7'],
    });
  });

  test.each<[string, Partial<Task>]>([
    ['does not run yet', { state: 'TASK_STAGING' }],
    ['runs on an unknown agent', { agentId: { value: 'M-S9' } }],
    ['is unhealthy', { statuses: [{ taskId: { value: 't' }, state: 'TASK_RUNNING', healthy: false }] }],
  ])('a task that %s has no name', (_, more) => {
    load([task('t', 'web', more)]);
    expect(table(/web/)).toEqual({});
  });
});

describe('names of the cluster', () => {
  test('leader, masters, agents and frameworks', () => {
    load([]);
    cluster.mastersAre({ host: '10.0.0.1', port: 5050 }, [
      { host: '10.0.0.2', port: 5050 },
      { host: '10.0.0.2', port: 5050 },
    ]);
    const web = { webuiUrl: 'http://10.0.0.9:8080', hostname: '10.0.0.9' };
    cluster.apply({ frameworkAdded: { framework: framework('F1', 'Cassandra.prod', web) } });
    expect(table(/./)).toEqual({
      'leader.mesos': ['10.0.0.1'],
      '_leader._tcp.mesos': ['leader.mesos:5050'],
      '_leader._udp.mesos': ['leader.mesos:5050'],
      'master.mesos': ['10.0.0.2', '10.0.0.1'],
      'master0.mesos': ['10.0.0.2'],
      'master1.mesos': ['10.0.0.1'],
      'slave.mesos': ['10.0.0.5'],
      '_slave._tcp.mesos': ['slave.mesos:5051'],
      'cassandra.prod.mesos': ['10.0.0.9'],
      '_framework._tcp.cassandra.prod.mesos': ['cassandra.prod.mesos:8080'],
    });
  });

  test('names that need a host name resolved appear with its addresses', () => {
    load([task('t', 'web')], [agent('M-S0', 'slave(1)@node1:5051')]);
    expect(table(/^web\.marathon\.mesos/)).toEqual({});
    expect(cluster.takeUnresolved()).toEqual(['node1']);
    expect(cluster.takeUnresolved()).toEqual([]);
    cluster.hostResolved('node1', ['10.0.0.7']);
    expect(table(/^(web\.marathon|slave)\.mesos/)).toEqual({
      'web.marathon.mesos': ['10.0.0.7'],
      'slave.mesos': ['10.0.0.7'],
    });
  });
});

describe('events', () => {
  const status = (state: Task['state'], more = {}) => ({
    taskUpdated: { frameworkId: { value: 'F0' }, state, status: { taskId: { value: 't' }, state, ...more } },
  });

  test('a task has names while it runs and is not unhealthy', () => {
    load([]);
    cluster.apply({ taskAdded: { task: task('t', 'web', { state: 'TASK_STAGING' }) } });
    const named = (): boolean => names().includes('web.marathon.mesos');
    expect(named()).toBe(false);
    for (const [event, expected] of [
      [status('TASK_RUNNING'), true],
      [status('TASK_RUNNING', { healthy: false }), false],
      [status('TASK_RUNNING', { healthy: true }), true],
      [status('TASK_RUNNING'), true],
      [status('TASK_KILLING'), false],
      [status('TASK_KILLED'), false],
    ] as const) {
      cluster.apply(event);
      expect(named()).toBe(expected);
    }
    expect(names().sort()).toEqual(['_slave._tcp.mesos', 'slave.mesos']);
  });

  test('a task whose framework calls it dead has no name until it is alive again', () => {
    cluster.reportHealth('marathon', 't', false);
    load([task('t', 'web'), task('u', 'web')]);
    expect(zone.records('task/F0/t')).toEqual([]);
    expect(zone.records('task/F0/u')).not.toEqual([]);
    cluster.reportHealth('other', 't', true);
    expect(zone.records('task/F0/t')).toEqual([]);
    cluster.reportHealth('marathon', 't', true);
    expect(zone.records('task/F0/t')).not.toEqual([]);
  });

  test('an event touches only the names of its task', () => {
    load([task('t', 'web'), task('u', 'db')]);
    const db = zone.named('db.marathon.mesos');
    cluster.apply(status('TASK_FINISHED'));
    expect(zone.named('db.marathon.mesos')).toBe(db);
    expect(zone.named('web.marathon.mesos')).toBeUndefined();
  });

  test('an agent takes its tasks along', () => {
    load([task('t', 'web')]);
    cluster.apply({ agentRemoved: { agentId: { value: 'M-S0' } } });
    expect(names()).toEqual([]);
  });

  test('a framework that goes takes its tasks along', () => {
    load([task('t', 'web')]);
    cluster.apply({ frameworkRemoved: { frameworkInfo: framework('F0', 'marathon').frameworkInfo } });
    expect(names().filter((name) => name.includes('web'))).toEqual([]);
  });
});

describe('a new leader', () => {
  const two = [agent('M-S0', 'slave(1)@10.0.0.5:5051'), agent('M-S1', 'slave(1)@10.0.0.6:5051')];
  beforeEach(() => load([task('t', 'web'), task('u', 'db', { agentId: { value: 'M-S1' } })], two));

  test('keeps the names of tasks whose agents it still waits for, and drops the rest', () => {
    load([], [], ['M-S0']);
    expect(names()).toContain('web.marathon.mesos');
    expect(names()).not.toContain('db.marathon.mesos');
  });

  test('what a returned agent does not name is gone after the sweep', () => {
    load([], [], ['M-S0', 'M-S1']);
    cluster.apply({ agentAdded: { agent: two[0]! } });
    expect(cluster.awaits('M-S0')).toBe(true);
    cluster.sweep('M-S0');
    expect(names()).not.toContain('web.marathon.mesos');
    cluster.apply({ taskAdded: { task: task('u', 'db', { agentId: { value: 'M-S1' } }) } });
    expect(cluster.awaits('M-S1')).toBe(false);
    cluster.sweep('M-S1');
    expect(names()).toContain('db.marathon.mesos');
  });
});

test('a host port range without end does not fill the memory', () => {
  load([task('t', 'web', { resources: ports(1, 9_999_999) })]);
  expect(zone.named('_web._tcp.marathon.mesos')?.SRV).toHaveLength(256);
});
