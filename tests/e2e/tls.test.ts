import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect, rootCertificates, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';

let cluster: TestCluster;
let ca: string;
beforeAll(async () => {
  cluster = await TestCluster.up(['--tls']);
  ca = readFileSync(join(cluster.workDir, 'secrets/ca.pem'), 'utf8');
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
}, 60_000);

interface Got {
  readonly status: number;
  readonly text: string;
}

/** By TLS to one of the kernel's ports, trusting the cluster's authority or `trusted`. */
function get(base: number, path: string, trusted: readonly string[] = [ca]): Promise<Got> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: cluster.port(base), path, ca: [...trusted], agent: false };
    request(options, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += String(chunk)));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    })
      .on('error', reject)
      .end();
  });
}

async function serialOf(base: number): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port: cluster.port(base), ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

interface Daemon {
  readonly pid: number;
  readonly state: string;
}
const status = () =>
  cluster.json<{ masters: Daemon[]; agents: Daemon[]; plugins: { id: string; restarts: number }[] }>('status');

const ECHO = `require('http').createServer((q, a) => a.end('served')).listen(process.env.PORT0)`;

async function deploy(id: string): Promise<void> {
  const definition = { id, cmd: `exec ${process.execPath} -e "${ECHO}"`, cpus: 0.01, mem: 32 };
  const { code, stdout, stderr } = await cluster.mezzo(['app', 'add', '-'], JSON.stringify(definition));
  expect(code, stdout + stderr).toBe(0);
}

const throughRouter = async (path: string): Promise<Got> => {
  const { stdout } = await cluster.mezzo(['auth', 'token']);
  const headers = { authorization: `token=${stdout.trim()}` };
  const answer = await fetch(cluster.url(8000, path), { headers });
  return { status: answer.status, text: await answer.text() };
};

test('master and agent speak TLS alone, to who trusts the authority of the cluster', async () => {
  for (const base of [5050, 5051]) {
    expect((await get(base, '/health')).status).toBe(200);
    await expect(get(base, '/health', rootCertificates)).rejects.toThrow(/certificate/);
    expect((await fetch(cluster.url(base, '/health'))).status).toBe(400);
  }
});

test('an app is deployed, found, looked into and removed, all by TLS where the kernel is concerned', async () => {
  await deploy('/shop');
  const { stdout: list } = await cluster.mezzo(['app', 'list']);
  expect(list).toMatch(/\/shop/);
  const [task] = await cluster.json<{ id: string; state: string }[]>('task', 'list');
  expect(task!.state).toBe('TASK_RUNNING');
  const { stdout } = await cluster.mezzo(['task', 'exec', task!.id, '--', 'echo', 'from within']);
  expect(stdout).toContain('from within');
  expect(await throughRouter('/service/shop/')).toEqual({ status: 200, text: 'served' });
});

test('the router reaches master and agent by TLS', async () => {
  const { status: code, text } = await throughRouter('/mesos/state');
  expect(code).toBe(200);
  const { slaves } = JSON.parse(text) as { slaves: { id: string }[] };
  const agent = await throughRouter(`/agent/${slaves[0]!.id}/state`);
  expect([agent.status, (JSON.parse(agent.text) as { id: string }).id]).toEqual([200, slaves[0]!.id]);
});

test('new certificates are taken up by what runs, and nobody is lost', async () => {
  const before = await status();
  const pids = [before.masters[0]!.pid, before.agents[0]!.pid];
  const serials = [await serialOf(5050), await serialOf(5051)];
  for (const pid of pids) process.kill(pid, 'SIGHUP');
  for (const [i, base] of [5050, 5051].entries())
    await until('a new certificate', async () => (await serialOf(base)) !== serials[i]);
  await deploy('/later');
  const tasks = await cluster.json<{ state: string }[]>('task', 'list');
  expect(tasks.map(({ state }) => state)).toEqual(['TASK_RUNNING', 'TASK_RUNNING']);
  const after = await status();
  expect([after.masters[0]!.pid, after.agents[0]!.pid]).toEqual(pids);
  expect(after.plugins.filter(({ restarts }) => restarts > 0)).toEqual([]);
});
