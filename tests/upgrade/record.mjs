// What one version of Mezzo leaves on its disks, as text: fixtures for tests/upgrade.
//
//   node tests/upgrade/record.mjs CHECKOUT [ZOOKEEPER]
//
// CHECKOUT is a clone of the repository at that version, built. ZOOKEEPER (host:port, a server to be thrown away) for versions
// that keep a store there. Starts a cluster of that version, has it settle something of every kind, stops it with its tasks
// running, copies what it left into tests/upgrade/fixtures/<commit>, and ends the tasks.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const [checkout, zookeeper] = process.argv.slice(2);
if (checkout === undefined) {
  console.error('usage: node tests/upgrade/record.mjs CHECKOUT [ZOOKEEPER]');
  process.exit(2);
}
const from = resolve(checkout);
const commit = spawnSync('git', ['-C', from, 'rev-parse', '--short=7', 'HEAD'], { encoding: 'utf8' }).stdout.trim();
const out = join(dirname(fileURLToPath(import.meta.url)), 'fixtures', commit);
const workDir = mkdtempSync(join(tmpdir(), 'mezzo-record-'));
const OFFSET = 4300;
const master = `http://127.0.0.1:${5050 + OFFSET}`;
const marathon = `http://127.0.0.1:${8080 + OFFSET}`;

function mezzo(...args) {
  const env = { ...process.env, MEZZO_WORK_DIR: workDir, MEZZO_CONTEXTS: join(workDir, 'contexts.json') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(from, 'cli/bin/mezzo.js'), ...args], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mezzo ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

async function until(what, probe) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
    const found = await probe();
    if (found) return found;
  }
  throw new Error(`${what}: not within a minute`);
}

const json = async (path, daemon = master) => (await fetch(daemon + path)).json();

async function post(path, body, headers = {}, daemon = master) {
  const answer = await fetch(daemon + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path} ${body.type}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** A framework that never acknowledges that a task runs, so that this waits at the agent. */
async function framework(info) {
  const subscribe = { type: 'SUBSCRIBE', subscribe: { framework_info: info } };
  const stream = await post('/api/v1/scheduler', subscribe);
  const events = [];
  const acknowledge = ({ agent_id, task_id, state, uuid, message }) => {
    if (uuid === undefined) throw new Error(`${task_id.value} is ${state}: ${message}`);
    if (state !== 'TASK_RUNNING') void call('ACKNOWLEDGE', { agent_id, task_id, uuid });
  };
  void (async () => {
    let text = '';
    for await (const chunk of stream.body) {
      text += Buffer.from(chunk).toString('utf8');
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const bytes = Number(text.slice(0, end));
        if (text.length < end + 1 + bytes) break;
        const event = JSON.parse(text.slice(end + 1, end + 1 + bytes));
        events.push(event);
        if (event.type === 'UPDATE') acknowledge(event.update.status);
        text = text.slice(end + 1 + bytes);
      }
    }
  })().catch((error) => console.error(String(error)));
  const of = (type) => events.filter((event) => event.type === type);
  const framework_id = await until('subscribed', () => of('SUBSCRIBED')[0]?.subscribed.framework_id);
  const call = (type, body) => post('/api/v1/scheduler', { framework_id, type, [type.toLowerCase()]: body }, headers);
  const headers = { 'mesos-stream-id': stream.headers.get('mesos-stream-id') };
  return {
    framework_id,
    offer: () => until('an offer', () => of('OFFERS').at(-1)?.offers.offers[0]),
    running: (count) =>
      until(
        'the tasks run',
        () => of('UPDATE').filter(({ update }) => update.status.state === 'TASK_RUNNING').length >= count,
      ),
    call,
  };
}

const scalar = (name, value, more = {}) => ({ name, type: 'SCALAR', scalar: { value }, ...more });

async function settle() {
  // Before the framework comes, which holds on to all that it is offered.
  const app = { id: '/sleeper', cmd: 'exec sleep 100000', cpus: 0.05, mem: 32, instances: 2 };
  await post('/v2/apps', app, {}, marathon);
  await until('the app runs', async () => (await json('/v2/apps//sleeper', marathon)).app.tasksRunning === 2);
  const web = await framework({
    ...{ user: 'root', name: 'recorded', roles: ['web'], principal: 'ops', checkpoint: true, failover_timeout: 86_400 },
    capabilities: [{ type: 'MULTI_ROLE' }, { type: 'RESERVATION_REFINEMENT' }, { type: 'PARTITION_AWARE' }],
  });
  const { id, agent_id } = await web.offer();
  const reserved = scalar('disk', 64, { reservations: [{ type: 'DYNAMIC', role: 'web', principal: 'ops' }] });
  const volume = {
    ...reserved,
    disk: { persistence: { id: 'v1', principal: 'ops' }, volume: { mode: 'RW', container_path: 'data' } },
  };
  const size = [scalar('cpus', 0.05), scalar('mem', 32), scalar('disk', 16)].map((one) => ({
    ...one,
    allocation_info: { role: 'web' },
  }));
  const task = (name, more) => ({ name, task_id: { value: name }, agent_id, resources: size, ...more });
  const command = { value: 'exec sleep 100000' };
  const executor = {
    ...{ type: 'DEFAULT', executor_id: { value: 'pod' }, framework_id: web.framework_id, resources: size },
  };
  await web.call('ACCEPT', {
    offer_ids: [id],
    filters: { refuse_seconds: 0 },
    operations: [
      { type: 'RESERVE', reserve: { resources: [reserved] } },
      { type: 'CREATE', create: { volumes: [volume] } },
      {
        type: 'LAUNCH',
        launch: { task_infos: [task('single', { command, labels: { labels: [{ key: 'k', value: 'v' }] } })] },
      },
      {
        type: 'LAUNCH_GROUP',
        launch_group: { executor, task_group: { tasks: [task('pod-a', { command }), task('pod-b', { command })] } },
      },
    ],
  });
  await web.running(3);
  await post('/api/v1', {
    type: 'UPDATE_WEIGHTS',
    update_weights: { weight_infos: [{ role: 'web', weight: 2.5 }] },
  });
  const limits = { cpus: { value: 1.5 } };
  await post('/api/v1', { type: 'UPDATE_QUOTA', update_quota: { quota_configs: [{ role: 'web', limits }] } });
  const unavailability = { start: { nanoseconds: 4_000_000_000_000_000_000 } };
  await post('/maintenance/schedule', { windows: [{ machine_ids: [{ hostname: 'elsewhere' }], unavailability }] });
}

/** What must not be lost, in the words of the version that wrote it. */
async function told() {
  const { slaves, frameworks } = await json('/state');
  const tasks = frameworks.flatMap((one) => one.tasks).map(({ id, state }) => [id, state]);
  return {
    agents: slaves.map(({ id }) => id),
    frameworks: frameworks.map(({ id, name }) => [id, name]).sort(),
    tasks: tasks.sort(),
    weights: await json('/weights'),
    quota: (await (await post('/api/v1', { type: 'GET_QUOTA' })).json()).get_quota.status.configs,
    maintenance: await json('/maintenance/schedule'),
    apps: (await json('/v2/apps', marathon)).apps.map(({ id }) => id),
  };
}

/** Key and value of all that is in the database, with a snapshot in it and a log behind that. */
async function levelPairs() {
  const { LevelStore } = await import(join(from, 'kernel/dist/shell/store/level-store.js'));
  for (const [key, options] of [
    ['plugins/record/in-snapshot', { snapshotEvery: 4 }],
    ['plugins/record/in-log', {}],
  ]) {
    const store = await LevelStore.open(join(workDir, 'store'), options);
    await store.commit({ epoch: await store.startEpoch(), writes: [{ op: 'put', key, value: key }] });
    await store.close();
  }
  const { Level } = createRequire(join(from, 'kernel/package.json'))('level');
  const db = new Level(join(workDir, 'store'), { valueEncoding: 'utf8' });
  const pairs = await db.iterator().all();
  await db.close();
  return pairs;
}

/** Path and data of each node that this version makes of the same entries: a snapshot, a log, one that is in parts. */
async function zookeeperNodes() {
  const load = (file) => import(join(from, 'kernel/dist/shell', file));
  const { ZookeeperSession } = await load('zookeeper/session.js');
  const { ZookeeperStore } = await load('store/zookeeper-store.js');
  const { LevelStore } = await load('store/level-store.js');
  const path = `/record-${process.pid}`;
  const session = await ZookeeperSession.open({ servers: zookeeper, path, digest: undefined }, 10_000);
  await session.ensure(path);
  const source = await LevelStore.open(join(workDir, 'store'));
  const entries = source.list('');
  await source.close();
  const write = async (options, all) => {
    const store = await ZookeeperStore.open(session, `${path}/store`, options);
    const epoch = await store.startEpoch();
    for (const { key, value } of all) await store.commit({ epoch, writes: [{ op: 'put', key, value }] });
    await store.close();
  };
  const half = entries.length >> 1;
  await write({ snapshotEvery: half - 1 }, entries.slice(0, half));
  await write({}, [...entries.slice(half), { key: 'plugins/record/big', value: 'x'.repeat(140_000) }]);
  const nodes = [];
  const walk = async (at) => {
    nodes.push([at.slice(path.length), (await session.get(at)).data.toString('utf8')]);
    for (const name of [...(await session.children(at))].sort()) await walk(`${at}/${name}`);
  };
  await walk(`${path}/store`);
  session.close();
  return nodes;
}

const save = (name, text) => writeFileSync(join(out, name), text);
const lines = (list) => `[\n${list.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`;

let isUp = false;
try {
  mezzo('up', '--detach', '--no-sample', `--port-offset=${OFFSET}`);
  isUp = true;
  await settle();
  const facts = await told();
  mezzo('down', '--keep-tasks');
  mkdirSync(out, { recursive: true });
  save('told.json', `${JSON.stringify(facts, undefined, 2)}\n`);
  save('store.json', lines(await levelPairs()));
  save('journal', readFileSync(join(workDir, 'agents/0/meta/journal')));
  if (zookeeper !== undefined) save('zookeeper.json', lines(await zookeeperNodes()));
  console.log(`recorded ${out}`);
  mezzo('up', '--detach', '--no-sample', `--port-offset=${OFFSET}`);
} finally {
  if (isUp) mezzo('down');
  rmSync(workDir, { recursive: true, force: true });
}
