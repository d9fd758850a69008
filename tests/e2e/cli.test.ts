import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.up(['--agents=2']);
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
}, 60_000);

const app = (extra: object = {}) =>
  JSON.stringify({ id: '/sleeper', cmd: 'exec sleep 3600', cpus: 0.01, mem: 32, instances: 1, ...extra });

test('an app is added from standard input, listed, shown and removed', async () => {
  const { code, stdout, stderr } = await cluster.mezzo(['app', 'add', '-'], app());
  expect(code, stdout + stderr).toBe(0);
  expect(await cluster.json('app', 'list')).toEqual([expect.objectContaining({ id: '/sleeper', tasksRunning: 1 })]);
  expect(await cluster.json('app', 'show', '/sleeper')).toMatchObject({ id: '/sleeper', cmd: 'exec sleep 3600' });
  expect((await cluster.mezzo(['app', 'remove', '/sleeper'])).code).toBe(0);
});

test('a command runs beside a task: it reads, prints, and says how it ended', async () => {
  expect((await cluster.mezzo(['app', 'add', '-'], app())).code).toBe(0);
  const prints = await cluster.mezzo(['task', 'exec', 'sleeper', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
  expect(prints).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' });
  const reads = await cluster.mezzo(['task', 'exec', '-i', 'sleeper', '--', 'tr', 'a-z', 'A-Z'], 'hello');
  expect(reads).toMatchObject({ code: 0, stdout: 'HELLO' });
  expect((await cluster.mezzo(['task', 'exec', 'sleeper'])).stderr).toMatch(/NO_COMMAND/);
  expect((await cluster.mezzo(['app', 'remove', '/sleeper'])).code).toBe(0);
});

test('a bad definition is refused with the field, and nothing is lost', async () => {
  const { code, stderr } = await cluster.mezzo(['app', 'add', '-'], app({ cpus: 'many' }));
  expect(code).toBe(1);
  expect(stderr).toMatch(/\/cpus/);
  expect(await cluster.json('app', 'list')).toEqual([]);
});

test('an app that cannot be placed says why', async () => {
  const { code, stdout, stderr } = await cluster.mezzo(['app', 'add', '-', '--timeout', '6'], app({ cpus: 1000 }));
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/InsufficientCpus/);
  expect((await cluster.mezzo(['app', 'remove', '/sleeper'])).code).toBe(0);
});

test('unique hosts: of three instances on two agents two run, the third says what it lacks', async () => {
  const { code, stdout, stderr } = await cluster.mezzo(
    ['app', 'add', '-', '--timeout', '6'],
    app({ instances: 3, constraints: [['hostname', 'UNIQUE']] }),
  );
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/UnfulfilledConstraint/);
  const hosts = (await cluster.json<{ host: string; state: string }[]>('task', 'list')).map(({ host }) => host);
  expect(new Set(hosts)).toEqual(new Set(['127.0.0.1', '127.0.0.2']));
  expect((await cluster.mezzo(['app', 'remove', '/sleeper'])).code).toBe(0);
});

test('a role gets its weight and priority, and is listed with them and its quota', async () => {
  const { code, stdout } = await cluster.mezzo(['role', 'set', 'prod', '--weight', '2.5', '--priority', '100']);
  expect([code, stdout]).toEqual([0, "'prod' has weight 2.5 and priority 100\n"]);
  const roles = await cluster.json<object[]>('role', 'list');
  expect(roles).toContainEqual(expect.objectContaining({ name: 'prod', weight: 2.5, priority: 100, frameworks: [] }));
  await cluster.mezzo(['role', 'set', 'batch', '--priority', '-1']);
  expect((await cluster.mezzo(['role', 'list'])).stdout).toMatch(/^batch +1 +-1 +0 +- +- +-$/m);
  expect((await cluster.mezzo(['role', 'set', 'prod'])).stderr).toMatch(/NOTHING_TO_SET/);
  expect((await cluster.mezzo(['role', 'set', 'prod', '--weight', 'much'])).code).toBe(1);
});

test('nodes share the machine and no task port', async () => {
  const nodes = await cluster.json<{ resources: { cpus: number; ports: string } }[]>('node', 'list');
  expect(nodes.length).toBe(2);
  const ranges = nodes
    .map(({ resources }) => /\[(\d+)-(\d+)\]/.exec(resources.ports)!.slice(1).map(Number))
    .sort((a, b) => a[0]! - b[0]!);
  expect(ranges[0]![1]).toBeLessThan(ranges[1]![0]!);
});

test('a token for scripts opens the router; without one it stays shut', async () => {
  const { stdout } = await cluster.mezzo(['auth', 'token']);
  const get = (headers: Record<string, string>) => fetch(cluster.url(8000, '/mesos/state-summary'), { headers });
  expect((await get({ authorization: `token=${stdout.trim()}` })).status).toBe(200);
  expect((await get({})).status).toBe(401);
});

test('a backup is one file; it goes into a store that no master uses, and into no other', async () => {
  const file = join(cluster.workDir, 'x.backup');
  const taken = await cluster.json<{ count: number }>('backup', '--out', file);
  expect(taken.count).toBeGreaterThan(0);
  expect((await cluster.mezzo(['restore', file])).stderr).toMatch(/is in use by process \d+[^]*STORE_LOCKED/);
  const elsewhere = ['restore', file, '--work-dir', join(cluster.workDir, 'elsewhere')];
  expect(await cluster.json(...elsewhere)).toMatchObject({ count: taken.count, replaced: 0 });
  expect((await cluster.mezzo(elsewhere)).stderr).toMatch(/STORE_NOT_EMPTY[^]*--force/);
});

test('unknown things are named: commands, apps, files, clusters', async () => {
  expect((await cluster.mezzo(['frobnicate'])).stderr).toMatch(/frobnicate.* not/i);
  expect((await cluster.mezzo(['app', 'show', '/nope'])).stderr).toMatch(/App '\/nope' does not exist/);
  expect((await cluster.mezzo(['app', 'add', '/nope.json'])).stderr).toMatch(/cannot read \/nope\.json/);
  expect((await cluster.mezzo(['app', 'list', '--url', 'http://127.0.0.1:1'])).stderr).toMatch(/does not answer/);
});

test('a port that is taken is one clear line', async () => {
  const other = await TestCluster.create();
  const server = createServer().listen(other.port(5050), '127.0.0.1');
  try {
    const { code, stderr } = await other.start();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`port ${other.port(5050)}, wanted by master, is taken`));
  } finally {
    server.close();
    await other.destroy();
  }
});

test('two clusters live side by side', async () => {
  const other = await TestCluster.up();
  try {
    expect((await other.mezzo(['app', 'add', '-'], app({ id: '/mine' }))).code).toBe(0);
    expect(await cluster.json('app', 'list')).toEqual([]);
    expect(await other.json('app', 'list')).toHaveLength(1);
  } finally {
    await other.destroy();
  }
});

test('a public agent takes only apps that accept its role', async () => {
  const agent = cluster.spawn([
    'agent',
    '--public',
    `--master=127.0.0.1:${cluster.port(5050)}`,
    `--work-dir=${cluster.workDir}/public`,
    '--ip=127.0.0.3',
    '--hostname=127.0.0.3',
    `--port=${cluster.port(5053)}`,
    '--resources=cpus:1;mem:256',
    `--join-token-file=${cluster.workDir}/secrets/join.token`,
    `--secrets-dir=${cluster.workDir}/secrets`,
  ]);
  try {
    await until('the public agent', async () => (await cluster.json<object[]>('node', 'list')).length === 3, 20_000);
    const added = await cluster.mezzo(
      ['app', 'add', '-'],
      app({ id: '/edge', acceptedResourceRoles: ['slave_public'] }),
    );
    expect(added.code, added.stdout + added.stderr).toBe(0);
    expect((await cluster.mezzo(['app', 'add', '-'], app({ id: '/inner', instances: 3 }))).code).toBe(0);
    const list = await cluster.json<{ name: string; host: string }[]>('task', 'list');
    expect(list.filter(({ name }) => name === 'edge').map(({ host }) => host)).toEqual(['127.0.0.3']);
    expect(list.filter(({ name }) => name === 'inner').map(({ host }) => host)).not.toContain('127.0.0.3');
    for (const id of ['/edge', '/inner']) expect((await cluster.mezzo(['app', 'remove', id])).code).toBe(0);
  } finally {
    agent.kill('SIGUSR1');
    await new Promise((resolve) => agent.once('exit', resolve));
  }
});

test('a drained node runs nothing, its apps run elsewhere, and it is offered again when it is activated', async () => {
  type Node = { id: string; hostname: string; drain_info?: { state: string } };
  const [first] = await cluster.json<Node[]>('node', 'list');
  const name = first!.id.split('-').at(-1)!;
  const spread = { instances: 2, constraints: [['node', 'MAX_PER', '2']] };
  expect((await cluster.mezzo(['app', 'add', '-'], app(spread))).code).toBe(0);
  const hosts = async () =>
    (await cluster.json<{ host: string; state: string }[]>('task', 'list'))
      .filter(({ state }) => state === 'TASK_RUNNING')
      .map(({ host }) => host);
  const { code, stdout, stderr } = await cluster.mezzo(['node', 'drain', name, '--grace', '1']);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain(`${first!.id} is drained`);
  expect((await cluster.mezzo(['node', 'list'])).stdout).toMatch(new RegExp(`^${first!.id} .* drained `, 'm'));
  await until('both instances to run elsewhere', async () => {
    const now = await hosts();
    return now.length === 2 && !now.includes(first!.hostname);
  });
  expect((await cluster.mezzo(['node', 'activate', name])).code).toBe(0);
  expect((await cluster.mezzo(['node', 'activate', name])).stderr).toMatch(/Agent is not/);
  expect((await cluster.mezzo(['node', 'deactivate', 'S99'])).stderr).toMatch(/no agent is 'S99'/);
  expect((await cluster.mezzo(['app', 'remove', '/sleeper'])).code).toBe(0);
});

test('a machine is scheduled, taken down with its agent and tasks, and up again', async () => {
  type Node = { id: string; hostname: string };
  const nodes = () => cluster.json<Node[]>('node', 'list');
  const host = (await nodes())[0]!.hostname;
  const machines = () => cluster.json<{ hostname: string; state: string; end?: string }[]>('maintenance', 'status');
  expect((await cluster.mezzo(['maintenance', 'schedule', host, '--for', '2h'])).code).toBe(0);
  expect(await machines()).toMatchObject([{ hostname: host, state: 'draining', end: expect.stringMatching(/Z$/) }]);
  expect((await cluster.mezzo(['maintenance', 'start', host])).stdout).toContain('is down');
  expect((await nodes()).map(({ hostname }) => hostname)).not.toContain(host);
  expect((await cluster.mezzo(['maintenance', 'schedule', host, '--cancel'])).stderr).toMatch(/deactivated/);
  expect((await cluster.mezzo(['maintenance', 'stop', host])).code).toBe(0);
  expect(await machines()).toEqual([]);
  await until('the agent to be let in again', async () => (await nodes()).length === 2, 60_000);
});

test('doctor does not take the ports of its own cluster for lost', async () => {
  const { findings } = await cluster.json<{ findings: object[] }>('doctor', `--port-offset=${cluster.offset}`);
  expect(findings).toContainEqual(expect.objectContaining({ name: 'ports', state: 'ok' }));
});

test('doctor says what this machine offers', async () => {
  const { findings } = await cluster.json<{ findings: { name: string; state: string }[] }>(
    'doctor',
    `--port-offset=${cluster.offset + 50}`,
  );
  expect(findings.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['node', 'root', 'cgroups', 'namespaces', 'overlay', 'docker', 'zookeeper', 'ports']),
  );
});
