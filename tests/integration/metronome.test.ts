import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@mezzo/sdk/testing';
import { connectScheduler } from '@mezzo/sdk/framework';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { scopedStore } from '../../kernel/plugin-host/plugin-store.js';
import { listen } from '../../plugins/metronome/shell/http/server.js';
import { startMetronome, type Metronome } from '../../plugins/metronome/shell/metronome.js';
import { AgentCluster } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';

let cluster: AgentCluster;
let metronome: Metronome;
let server: { readonly port: number; dispose(): Promise<void> };

/** Metronome beside a real master and a real agent. */
async function start(): Promise<void> {
  const { master } = cluster;
  const store = {
    get: (key: string) => master.store.get(key),
    list: (prefix: string) => master.store.list(prefix),
    commit: (writes: Parameters<typeof master.store.commit>[0]['writes']) =>
      master.store.commit({ epoch: master.epoch, writes }),
  };
  metronome = await startMetronome({
    scheduler: {
      connect: (options) =>
        connectScheduler({ ...options, urls: [master.url], backoff: { initialMs: 20, maxMs: 200 } }),
    },
    store: scopedStore(store, 'metronome'),
    log: silentLog,
    role: '*',
    onFatal: (error) => {
      throw error;
    },
  });
  server = await listen({ engine: metronome.engine, log: silentLog, address: '' }, '127.0.0.1', 0);
}

async function stop(): Promise<void> {
  await server.dispose();
  await metronome.dispose();
}

beforeEach(async () => {
  cluster = await AgentCluster.start(['--resources=cpus:4;mem:2048;disk:1024;ports:[41100-41199]']);
  await start();
});
afterEach(async () => {
  await stop();
  await cluster.destroy();
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- bodies of any shape are looked into
async function call(method: string, path: string, body?: unknown): Promise<any> {
  const url = `http://127.0.0.1:${server.port}${path}`;
  const answer = await fetch(url, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  return text === '' ? undefined : JSON.parse(text);
}

const run = (cmd: string) => ({ cmd, cpus: 0.1, mem: 32, disk: 0 });
const linesOf = (file: string): string[] => {
  try {
    return readFileSync(join(cluster.home, file), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

it('each repetition runs once, although metronome goes and comes', async () => {
  const file = join(cluster.home, 'ran');
  await call('POST', '/v1/jobs', { id: 'often', run: run(`echo $METRONOME_RUN_DUE >> ${file}; sleep 0.3`) });
  await call('POST', '/v1/jobs/often/schedules', { id: 'six', iso8601: 'R6//PT1S', catchUpPolicy: 'all' });
  for (const runs of [1, 3]) {
    await until(`it ran ${runs} times`, async () => linesOf('ran').length >= runs);
    await stop();
    await start();
  }
  await until('all have ended', async () => {
    const { activeRuns, historySummary } = await call('GET', '/v1/jobs/often?embed=activeRuns,historySummary');
    return activeRuns.length === 0 && historySummary.successCount === 6;
  });
  expect(new Set(linesOf('ran')).size).toBe(6);
  expect(linesOf('ran')).toHaveLength(6);
});

it('a run that fails is repeated, a child follows, a stopped one is killed', async () => {
  const flag = join(cluster.home, 'flag');
  await call('POST', '/v1/jobs', {
    id: 'parent',
    run: { ...run(`test -e ${flag} || { touch ${flag}; exit 3; }`), restart: { policy: 'ON_FAILURE' } },
  });
  await call('POST', '/v1/jobs', { id: 'child', run: run('sleep 1000'), dependencies: [{ id: 'parent' }] });
  await call('POST', '/v1/jobs/parent/runs');
  const child = await until('the child runs', async () => {
    const [active] = await call('GET', '/v1/jobs/child/runs');
    return active?.status === 'ACTIVE' ? active : undefined;
  });
  const parent = await call('GET', '/v1/jobs/parent?embed=history');
  expect(parent.history.successfulFinishedRuns).toMatchObject([{ tasks: [expect.any(String), expect.any(String)] }]);
  await call('POST', `/v1/jobs/child/runs/${child.id}/actions/stop`);
  await until('it was killed', async () => (await call('GET', '/v1/jobs/child/runs')).length === 0);
  expect(await call('GET', `/v1/jobs/child/runs/${child.id}`)).toMatchObject({ status: 'FAILED', message: 'stopped' });
});
