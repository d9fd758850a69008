import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '@mezzo/sdk/secrets';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentCluster } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const secrets = mkdtempSync(join(tmpdir(), 'mezzo-secrets-'));
let cluster: AgentCluster;
let ca: string;
beforeAll(async () => {
  ca = CertificateAuthority.of(secrets).cert;
  const both = ['--tls', `--secrets_dir=${secrets}`];
  cluster = await AgentCluster.start(
    [...both, '--authenticate_http_executors'],
    [...both, '--tls_require_client_cert'],
  );
}, 60_000);
afterAll(async () => {
  await cluster.destroy();
  rmSync(secrets, { recursive: true });
});

test('an agent joins by TLS with a certificate of its own, comes back to a new master, and is not fooled', async () => {
  expect([cluster.master.url, cluster.agent!.url]).toEqual([
    expect.stringMatching(/^https:\/\/127/),
    expect.stringMatching(/^https:\/\/127/),
  ]);
  const registered = () =>
    [...cluster.master.shell.state.agents.values()].some(({ connection }) => connection !== undefined);
  await until('the agent is registered', registered);
  await cluster.master.close();
  await cluster.startMaster();
  await until('the agent is back', registered);
});

test('who trusts another authority, or shows no certificate, does not get in', async () => {
  const stranger = mkdtempSync(join(tmpdir(), 'mezzo-stranger-'));
  const agent = await AgentCluster.start(['--tls', `--secrets_dir=${stranger}`]);
  await expect(fetch(`${cluster.master.url}/health`)).rejects.toThrow();
  await expect(fetch(`${agent.agent!.url}/health`)).rejects.toThrow();
  expect((await fetch(cluster.agent!.url.replace('https:', 'http:'))).status).toBe(400);
  // Its master speaks no TLS: it does not fall back to plain text.
  const logs = join(agent.home, 'logs');
  await until('it has tried', () =>
    readdirSync(logs).some((log) => readFileSync(join(logs, log), 'utf8').includes('not connected to the master')),
  );
  expect([...agent.master.shell.state.agents]).toEqual([]);
  await agent.destroy();
  rmSync(stranger, { recursive: true });
});

test('an executor reaches its agent by TLS, by what its environment tells it', async () => {
  await cluster.master.close();
  cluster.masterArgs = ['--tls', `--secrets_dir=${secrets}`];
  await cluster.startMaster();
  const scheduler = cluster.scheduler({}, {}, ca);
  const program = join(root, 'tests/support/test-executor.mjs');
  const command = `NODE_EXTRA_CA_CERTS=$LIBPROCESS_SSL_CA_FILE exec ${process.execPath} ${program}`;
  await scheduler.runIn({ type: 'CUSTOM', executorId: { value: 'e' }, command: { value: command } }, 'task');
  const { message = '' } = await scheduler.reaches('task', 'TASK_RUNNING');
  expect(readFileSync(join(message.replace('in ', ''), '.agent-ca.pem'), 'utf8')).toBe(ca);
  await scheduler.kill('task');
  await scheduler.reaches('task', 'TASK_KILLED');
  await scheduler.teardown();
});
