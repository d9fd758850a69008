// What packaging/systemd/README.md promises of the units. Run inside a machine whose process 1 is systemd.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { clusterKey, mintToken } from '../../sdk/secrets/index.js';
import { PATIENCE } from '../../sdk/testing/eventually.js';
import type { Law } from '../../sdk/testing/containerizer-suite.js';
import { until } from './poll.js';
import { isRunning, pids, readProc, startTime } from './proc.js';

type Unit = 'mezzo-master' | 'mezzo-agent';

const MASTER_DIR = '/var/lib/mezzo';
const TASK = 'sleep\x00100000\x00';
const PLUGINS = ['dns', 'marathon', 'router'];
const SEEN_MS = 30_000 * PATIENCE;

const sh = async (line: string): Promise<string> =>
  (await promisify(execFile)('/bin/sh', ['-ec', line], { cwd: '/opt/mezzo' })).stdout.trim();
const eventually = <T>(what: string, probe: () => Promise<T | undefined | false> | T | undefined | false) =>
  until(what, probe, SEEN_MS, 500);
const http = async <T>(url: string, init: RequestInit = {}): Promise<T> => {
  const answer = await fetch(`http://127.0.0.1:${url}`, { signal: AbortSignal.timeout(SEEN_MS), ...init });
  assert.ok(answer.ok, `${url}: ${answer.status} ${answer.ok ? '' : await answer.text()}`);
  return (await answer.json()) as T;
};

const mainPid = (unit: Unit) => sh(`systemctl show --value -p MainPID ${unit}`);
async function kill(unit: Unit, signal: NodeJS.Signals): Promise<string> {
  const pid = await mainPid(unit);
  assert.notEqual(pid, '0', `${unit} does not run`);
  process.kill(Number(pid), signal);
  return pid;
}
const stateOf = (unit: Unit) => sh(`systemctl show --value -p ActiveState ${unit}`);
const isActive = async (unit: Unit) => (await stateOf(unit)) === 'active';
const ends = (unit: Unit) => eventually(`${unit} has ended`, async () => (await stateOf(unit)) === 'inactive');
/** A process, told from a later one with the same pid. */
const identity = (pid: string) => `${pid} since ${startTime(pid)}`;
const having = (end: string) =>
  pids()
    .filter((pid) => readProc(pid, 'cmdline').endsWith(end) && isRunning(pid))
    .map(identity);
const plugins = () => PLUGINS.map((name) => having(`${MASTER_DIR}/run/plugins/${name}/files\x00`).join());

const pluginsRun = () =>
  eventually('all plugins run', () => (plugins().every((one) => one !== '') ? plugins() : undefined));

/** Has a process of the unit take memory until the kernel ends it. */
async function exhaust(unit: Unit): Promise<void> {
  const used = Number(await sh(`systemctl show --value -p MemoryCurrent ${unit}`));
  await sh(`systemctl set-property --runtime ${unit} MemoryMax=${used + (64 << 20)}`);
  const procs = `/sys/fs/cgroup/system.slice/${unit}.service/cgroup.procs`;
  const hog = sh(`echo $$ >${procs}; echo 1000 >/proc/$$/oom_score_adj; exec tail /dev/zero`);
  await assert.rejects(hog, { signal: 'SIGKILL' });
  await sh(`systemctl set-property --runtime ${unit} MemoryMax=infinity`);
}

async function restarted(unit: Unit, before: string): Promise<void> {
  await eventually(`${unit} is started again`, async () => {
    const pid = await mainPid(unit);
    return pid !== '0' && pid !== before && (await isActive(unit));
  });
}

/** The agent and the task as the master and the agent know them, and the task's process. */
interface Seen {
  readonly agent: string;
  readonly task: string;
  readonly process: string;
}
interface AgentRow {
  readonly id: string;
  readonly active: boolean;
}
interface TaskRow {
  readonly id: string;
  readonly state: string;
}

async function see(): Promise<Seen> {
  const processes = having(TASK);
  assert.equal(processes.length, 1, processes.join());
  const { slaves } = await http<{ slaves: AgentRow[] }>('5050/slaves');
  const { tasks } = await http<{ tasks: TaskRow[] }>('5050/tasks');
  const running = tasks.filter(({ state }) => state === 'TASK_RUNNING');
  const active = slaves.filter((agent) => agent.active);
  assert.deepEqual([active.length, running.length], [1, 1], JSON.stringify({ slaves, tasks }));
  // Said by the agent that runs now, which has it from the one before.
  const metrics = await http<Record<string, number>>('5051/metrics/snapshot');
  assert.equal(metrics['slave/registered'], 1);
  const containers = await http<{ executor_id: string }[]>('5051/containers');
  assert.deepEqual(
    containers.map(({ executor_id }) => executor_id),
    [running[0]!.id],
  );
  return { agent: active[0]!.id, task: running[0]!.id, process: processes[0]! };
}

let seen: Seen;
/** What was there is there again: the agent under its id, the task with its process, and in no other. */
async function same(): Promise<void> {
  assert.deepEqual(await eventually('the agent and its task are there', see), seen);
}

/** Whom the signal ends, or has the watchdog end, is started again, and nothing else is touched. */
async function comesBack(unit: Unit, signal: NodeJS.Signals): Promise<void> {
  const ran = await pluginsRun();
  await restarted(unit, await kill(unit, signal));
  await same();
  assert.deepEqual(plugins(), ran);
}

const apps = async () => (await http<{ apps: { id: string }[] }>('8080/v2/apps')).apps.map(({ id }) => id);

async function startApp(): Promise<void> {
  const app = { id: '/sleeper', cmd: 'exec sleep 100000', cpus: 0.1, mem: 32, instances: 1 };
  await eventually('Marathon takes the app', () =>
    http('8080/v2/apps/sleeper', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(app),
    }),
  );
  seen = await eventually('its task runs', see);
}

/** As the README says, but on loopback alone, where nobody else needs TLS or credentials, and with an emulated processor's time. */
async function install(master: string, agent: string): Promise<void> {
  await sh('install -d /etc/mezzo && install -m 644 packaging/systemd/mezzo-*.service /etc/systemd/system/');
  await sh('install -D -m 644 packaging/systemd/mezzo.sysusers /etc/sysusers.d/mezzo.conf && systemd-sysusers');
  for (const unit of ['mezzo-master', 'mezzo-agent']) {
    mkdirSync(`/etc/systemd/system/${unit}.service.d`, { recursive: true });
    const times = 'TimeoutStartSec=15min\nTimeoutStopSec=5min\nWatchdogSec=30s\n';
    writeFileSync(`/etc/systemd/system/${unit}.service.d/times.conf`, `[Service]\n${times}`);
  }
  writeFileSync('/etc/mezzo/master.yaml', master);
  writeFileSync('/etc/mezzo/agent.yaml', agent);
  await sh('chown -R root:mezzo /etc/mezzo && chmod -R u=rwX,g=rX,o= /etc/mezzo && systemctl daemon-reload');
}

async function startAgent(): Promise<void> {
  await sh(`install -m 600 ${MASTER_DIR}/secrets/join.token /etc/mezzo/ && systemctl enable --now mezzo-agent`);
  await http('5051/state');
}

const CHECKS: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'a master is started when it leads, an agent when it serves, and it registers',
    async () => {
      await install('cluster: production\n', 'master: 127.0.0.1:5050\njoin_token_file: /etc/mezzo/join.token\n');
      await sh('systemctl enable --now mezzo-master');
      assert.ok((await http<{ elected_time: number }>('5050/state')).elected_time > 0);
      await startAgent();
      await startApp();
    },
  ],
  [
    'a master may bind low ports and write to its own directory, and nothing else',
    async () => {
      const pid = await mainPid('mezzo-master');
      assert.match(readProc(pid, 'status'), /^CapBnd:\s+0000000000000400$/m);
      const touch = (file: string) => sh(`nsenter -t ${pid} -m touch ${file}`);
      await touch(`${MASTER_DIR}/x`);
      for (const dir of ['/etc/mezzo', '/opt/mezzo', '/usr/bin', '/var/lib'])
        await assert.rejects(touch(`${dir}/x`), /Read-only file system/);
    },
  ],
  ['an agent that is killed is started again, and takes its task up', () => comesBack('mezzo-agent', 'SIGKILL')],
  [
    'an agent that hangs is ended by the watchdog and started again, and takes its task up',
    () => comesBack('mezzo-agent', 'SIGSTOP'),
  ],
  [
    'an agent is stopped, started and restarted, and its task runs on',
    async () => {
      await sh('systemctl stop mezzo-agent');
      assert.deepEqual([await isActive('mezzo-agent'), having(TASK)], [false, [seen.process]]);
      await sh('systemctl start mezzo-agent');
      await same();
      await sh('systemctl restart mezzo-agent');
      await same();
    },
  ],
  [
    'a master that is killed is started again; its plugins and the task run on, and the agent comes back',
    () => comesBack('mezzo-master', 'SIGKILL'),
  ],
  [
    'a master that hangs is ended by the watchdog and started again; its plugins and the task run on',
    () => comesBack('mezzo-master', 'SIGSTOP'),
  ],
  [
    'both are told to read certificates and keys again, and run on',
    async () => {
      for (const unit of ['mezzo-master', 'mezzo-agent'] as const) {
        const pid = await mainPid(unit);
        await sh(`systemctl reload ${unit}`);
        assert.deepEqual([await isActive(unit), await mainPid(unit)], [true, pid]);
      }
      await same();
    },
  ],
  [
    'where memory runs out in a unit another process of it is killed, and the daemon, its plugins and the task run on',
    async () => {
      for (const unit of ['mezzo-master', 'mezzo-agent'] as const) {
        const before = [await mainPid(unit), await pluginsRun()];
        await exhaust(unit);
        await eventually('systemd has seen it', () =>
          sh(`journalctl -u ${unit} | grep 'killed by the OOM killer'`).then(Boolean, () => false),
        );
        assert.deepEqual([await isActive(unit), await mainPid(unit), plugins()], [true, ...before]);
      }
      await same();
    },
  ],
  [
    'a master that is stopped ends its plugins; an agent starts without it, and when it is started all is back',
    async () => {
      await sh('systemctl stop mezzo-master');
      assert.deepEqual(plugins(), ['', '', '']);
      await sh('systemctl restart mezzo-agent');
      assert.deepEqual(having(TASK), [seen.process]);
      await sh('systemctl start mezzo-master');
      await same();
      await pluginsRun();
    },
  ],
  [
    'an agent that is sent SIGUSR1 ends its task, leaves the cluster and is not started again',
    async () => {
      await sh('systemctl kill --kill-who=main -s SIGUSR1 mezzo-agent');
      await ends('mezzo-agent');
      assert.deepEqual(having(TASK), []);
      const { slaves } = await http<{ slaves: AgentRow[] }>('5050/slaves');
      assert.deepEqual(
        slaves.filter(({ id }) => id === seen.agent),
        [],
      );
      assert.equal(await sh('systemctl show --value -p Result mezzo-agent'), 'success');
    },
  ],
  [
    'all of ZooKeeper is lost: by the procedure of HIGH-AVAILABILITY.md a backup brings back app and agent, and the task runs on',
    async () => {
      await sh(`systemctl stop mezzo-master; rm -r ${MASTER_DIR}/* /var/lib/mezzo-agent`);
      writeFileSync('/etc/mezzo/zk', 'zk://mezzo:password@127.0.0.1:2181/mezzo\n');
      const ensemble = { myId: 1, members: [{ id: 1, host: '127.0.0.1' }] };
      writeFileSync('/etc/mezzo/plugins.json', JSON.stringify({ ensemble }));
      await install(
        'cluster: production\nzk: file:///etc/mezzo/zk\nplugin_config: /etc/mezzo/plugins.json\n',
        'master: zk://127.0.0.1:2181/mezzo\njoin_token_file: /etc/mezzo/join.token\n',
      );
      await sh('systemctl start mezzo-master');
      await startAgent();
      await startApp();
      const token = await mintToken(clusterKey(`${MASTER_DIR}/secrets`), { uid: 'admin', scope: 'operator' }, 86_400);
      const mezzo = (line: string) =>
        sh(`MEZZO_URL=http://127.0.0.1:8000 MEZZO_TOKEN=${token} node cli/bin/mezzo.js ${line}`);
      await eventually('a backup is taken', () => mezzo('backup /root/mezzo.backup'));
      await sh('systemctl stop mezzo-master');
      const data = `${MASTER_DIR}/plugins/ensemble/state/data/version-2`;
      assert.ok(existsSync(data));
      rmSync(data, { recursive: true });

      await sh('systemctl start mezzo-master');
      await eventually('it leads, over an empty store', async () => (await apps()).length === 0);
      await sh('systemctl kill --kill-who=main -s SIGTERM mezzo-master');
      await ends('mezzo-master');
      await mezzo('restore /root/mezzo.backup --zk=file:///etc/mezzo/zk --force');
      await sh('systemctl start mezzo-master');
      await same();
      assert.deepEqual(await apps(), ['/sleeper']);
    },
  ],
  [
    'told to all of the unit of an agent, SIGTERM stops the agent alone, and SIGKILL ends its task too',
    async () => {
      await sh('systemctl kill mezzo-agent');
      await ends('mezzo-agent');
      assert.deepEqual(having(TASK), [seen.process]);
      await sh('systemctl start mezzo-agent');
      await same();
      await sh('systemctl kill -s SIGKILL mezzo-agent');
      await eventually('the task ends', () => !having(TASK).includes(seen.process));
    },
  ],
];

/** Each begins where the one before it ends. What the daemons said is told with a law that is broken. */
export const systemdLaws = (): Law[] =>
  CHECKS.map(([title, check]) => ({
    title,
    timeoutMs: 90_000 * PATIENCE,
    run: () =>
      check().catch(async (error: Error) => {
        const journal = await sh('journalctl --no-pager -o cat -n 60 -u "mezzo-*"');
        throw new Error(`${error.stack}\n${journal}`);
      }),
  }));
