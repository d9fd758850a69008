import type { Resource } from '@mezzo/sdk/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.js';
import { DEFAULT_SETTINGS } from '../state.js';
import type { AppUpdate } from '../update.js';
import { OfferPool, portResources } from '@mezzo/sdk/framework';

const create = (cluster: FakeCluster, app: AppUpdate) =>
  cluster.command({ kind: 'createApp', app: { cmd: 'sleep 1', cpus: 0.1, ...app }, force: false });

const variables = (cluster: FakeCluster, id: string): Record<string, string> => {
  const list = cluster.infoOf(id).command?.environment?.variables ?? [];
  return Object.fromEntries(list.map(({ name, value }) => [name, value ?? '']));
};

describe('offers', () => {
  it('are never over-used, whatever the apps want (the cluster asserts it)', () => {
    const app = fc.record({
      instances: fc.integer({ min: 0, max: 12 }),
      cpus: fc.integer({ min: 1, max: 20 }).map((n) => n / 10),
      mem: fc.integer({ min: 1, max: 2000 }),
      ports: fc.integer({ min: 0, max: 4 }),
    });
    const agent = fc.record({
      cpus: fc.integer({ min: 1, max: 80 }).map((n) => n / 10),
      mem: fc.integer({ min: 10, max: 8000 }),
      ports: fc.integer({ min: 0, max: 10 }).map((n): [number, number] => [31_000, 30_999 + n]),
    });
    fc.assert(
      fc.property(fc.array(app, { maxLength: 5 }), fc.array(agent, { maxLength: 4 }), (apps, agents) => {
        const cluster = new FakeCluster();
        for (const each of agents) cluster.addAgent(each);
        cluster.start();
        apps.forEach(({ ports, ...wish }, index) =>
          create(cluster, {
            id: `/a${index}`,
            portDefinitions: Array.from({ length: ports }, () => ({ port: 0 })),
            ...wish,
          }),
        );
        for (const id of [...cluster.tasks.keys()].filter((_, index) => index % 2 === 0))
          cluster.status(id, 'TASK_KILLED');
        const wanted = apps.reduce((sum, { instances }) => sum + instances, 0);
        expect(cluster.tasks.size).toBeLessThanOrEqual(wanted);
      }),
    );
  });

  it('reserved for a role go to those who accept it, the others to the rest', () => {
    const cluster = new FakeCluster();
    cluster.addAgent({ hostname: 'private' });
    cluster.addAgent({ hostname: 'public', role: 'slave_public' });
    cluster.start();
    create(cluster, { id: '/inside', instances: 3 });
    create(cluster, { id: '/edge', instances: 3, acceptedResourceRoles: ['slave_public'] });
    expect(new Set(cluster.hostsOf('/inside'))).toEqual(new Set(['private']));
    expect(new Set(cluster.hostsOf('/edge'))).toEqual(new Set(['public']));
    const [id = ''] = cluster.tasksOf('/edge');
    expect(cluster.infoOf(id).resources?.[0]).toMatchObject({
      allocationInfo: { role: 'slave_public' },
      reservations: [{ role: 'slave_public' }],
    });
  });

  it('give several instances of an app to all agents in turn', () => {
    const cluster = new FakeCluster();
    for (let n = 0; n < 3; n++) cluster.addAgent();
    cluster.start();
    create(cluster, { id: '/a', instances: 6 });
    expect(cluster.hostsOf('/a').sort()).toEqual(['node1', 'node1', 'node2', 'node2', 'node3', 'node3']);
  });

  it('that fit nothing are declined for long, and asked for again when needs change', () => {
    const cluster = new FakeCluster();
    cluster.addAgent();
    cluster.start();
    create(cluster, { id: '/big', cpus: 100 });
    expect(cluster.callsOf('DECLINE')).toMatchObject([{ decline: { filters: { refuseSeconds: 120 } } }]);
    const revives = cluster.callsOf('REVIVE').length;
    create(cluster, { id: '/small' });
    expect(cluster.callsOf('REVIVE')).toHaveLength(revives + 1);
    expect(cluster.tasksOf('/small')).toHaveLength(1);
  });
});

describe('ports', () => {
  const ports: Resource = {
    name: 'ports',
    type: 'RANGES',
    ranges: {
      range: [
        { begin: 10, end: 12 },
        { begin: 20, end: 20 },
      ],
    },
  };
  const pool = () =>
    new OfferPool({
      id: { value: 'o' },
      frameworkId: { value: 'f' },
      agentId: { value: 's' },
      hostname: 'h',
      resources: [ports],
    });

  it('are taken all or none', () => {
    const some = pool();
    expect(some.takePorts([11, 99], ['*'], 0)).toBeUndefined();
    expect(some.portsLeft(['*'])).toBe(4);
    const taken = some.takePorts([0, 11, 0], ['*'], 12);
    expect(taken?.map(({ port }) => port)).toEqual([12, 11, 20]);
    expect(portResources(taken ?? [])[0]?.ranges?.range).toEqual([
      { begin: 11, end: 12 },
      { begin: 20, end: 20 },
    ]);
    expect(some.takePorts([0, 0], ['*'], 0)).toBeUndefined();
  });

  it('are any free ones in host mode, with a stable service port', () => {
    const cluster = new FakeCluster();
    cluster.addAgent();
    cluster.start();
    create(cluster, { id: '/a', portDefinitions: [{ port: 0, name: 'http' }, { port: 0 }] });
    expect(cluster.state.apps.get('/a')?.definition.portDefinitions).toMatchObject([
      { port: 10_000 },
      { port: 10_001 },
    ]);
    const [id = ''] = cluster.tasksOf('/a');
    expect(variables(cluster, id)).toMatchObject({
      HOST: 'node1',
      PORT: '31000',
      PORTS: '31000,31001',
      PORT0: '31000',
      PORT1: '31001',
      PORT_10000: '31000',
      PORT_HTTP: '31000',
      MARATHON_APP_ID: '/a',
      MARATHON_APP_RESOURCE_CPUS: '0.1',
      MARATHON_APP_RESOURCE_MEM: '128.0',
      MARATHON_APP_LABELS: '',
    });
    expect(cluster.infoOf(id).discovery).toMatchObject({
      name: 'a',
      ports: { ports: [{ number: 31_000, name: 'http', protocol: 'tcp' }, { number: 31_001 }] },
    });
  });

  it('are the ones named when they are required', () => {
    const cluster = new FakeCluster();
    cluster.addAgent();
    cluster.start();
    create(cluster, { id: '/a', requirePorts: true, instances: 2, portDefinitions: [{ port: 31_500 }] });
    expect(cluster.tasksOf('/a')).toHaveLength(1);
    expect(variables(cluster, cluster.tasksOf('/a')[0] ?? '')['PORT0']).toBe('31500');
  });

  it('are mapped into DOCKER containers on a bridge', () => {
    const cluster = new FakeCluster();
    cluster.addAgent();
    cluster.start();
    const container = {
      type: 'DOCKER' as const,
      docker: {
        image: 'nginx:1',
        network: 'BRIDGE' as const,
        privileged: true,
        forcePullImage: true,
        parameters: [{ key: 'hostname', value: 'a' }],
        portMappings: [
          { containerPort: 80, name: 'web' },
          { containerPort: 53, protocol: 'udp,tcp', hostPort: 31_053 },
        ],
      },
      volumes: [{ containerPath: '/data', hostPath: '/srv', mode: 'RO' as const }],
    };
    create(cluster, { id: '/g/a', cmd: undefined, container });
    const [id = ''] = cluster.tasksOf('/g/a');
    const info = cluster.infoOf(id);
    expect(info.name).toBe('a.g');
    expect(info.command).toMatchObject({ shell: false });
    expect(info.container).toMatchObject({
      type: 'DOCKER',
      volumes: [{ containerPath: '/data', hostPath: '/srv', mode: 'RO' }],
      docker: {
        image: 'nginx:1',
        network: 'BRIDGE',
        privileged: true,
        forcePullImage: true,
        parameters: [{ key: 'hostname', value: 'a' }],
        portMappings: [
          { hostPort: 31_000, containerPort: 80, protocol: 'tcp' },
          { hostPort: 31_053, containerPort: 53, protocol: 'udp' },
          { hostPort: 31_053, containerPort: 53, protocol: 'tcp' },
        ],
      },
    });
    expect(variables(cluster, id)).toMatchObject({
      PORT_80: '31000',
      PORT_WEB: '31000',
      MARATHON_APP_DOCKER_IMAGE: 'nginx:1',
    });
    expect(info.discovery?.ports?.ports).toMatchObject([
      { number: 31_000, name: 'web', protocol: 'tcp' },
      { number: 31_053, protocol: 'udp' },
      { number: 31_053, protocol: 'tcp' },
    ]);
  });

  it('in the environment give way to what the user sets', () => {
    const cluster = new FakeCluster();
    cluster.addAgent();
    cluster.start();
    create(cluster, { id: '/a', env: { PORT0: 'mine' }, labels: { 'my-label': 'x' } });
    expect(variables(cluster, cluster.tasksOf('/a')[0] ?? '')).toMatchObject({
      PORT0: 'mine',
      MARATHON_APP_LABEL_MY_LABEL: 'x',
    });
  });
});

describe('secrets', () => {
  const app = { id: '/a', secrets: { pw: { source: 'db/password' } }, env: { DB: { secret: 'pw' }, PLAIN: 'x' } };
  const refused = (cluster: FakeCluster, change: object) => JSON.stringify(create(cluster, { ...app, ...change }));

  it('go to the agent by their source, without a value, and are shown as they were given', () => {
    const cluster = new FakeCluster({ ...DEFAULT_SETTINGS, features: ['secrets'] });
    cluster.addAgent();
    cluster.start();
    create(cluster, app);
    const [task = ''] = cluster.tasksOf('/a');
    const list = cluster.infoOf(task).command?.environment?.variables ?? [];
    expect(list.filter(({ name }) => name === 'DB' || name === 'PLAIN')).toEqual([
      { name: 'DB', type: 'SECRET', secret: { type: 'REFERENCE', reference: { name: 'db/password' } } },
      { name: 'PLAIN', value: 'x' },
    ]);
    cluster.restart();
    expect(cluster.state.apps.get('/a')?.definition).toMatchObject({ env: app.env, secrets: app.secrets });
  });

  it('need the feature, a declaration and a source', () => {
    const on = new FakeCluster({ ...DEFAULT_SETTINGS, features: ['secrets'] }).start();
    for (const [cluster, change, words] of [
      [new FakeCluster().start(), {}, /\/secrets.*Feature secrets is not enabled.*\/env\(DB\)/],
      [on, { secrets: {} }, /\/env\(DB\).*the secret 'pw' is not in secrets/],
      [on, { secrets: { pw: { source: '' } } }, /\/secrets\(pw\)\/source.*must not be empty/],
      [on, { container: { type: 'MESOS', volumes: [{ containerPath: 'x', secret: 'pw' }] } }, /volumes of secrets/],
    ] as const)
      expect(refused(cluster, change)).toMatch(words);
  });
});
