import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CLUSTER, ENDPOINTS, LOG, METRICS, STORE, type PluginManifest } from '@mezzo/sdk/contract';
import { SCHEDULER, connectScheduler } from '@mezzo/sdk/framework';
import { PluginRun, RootContainer } from '@mezzo/sdk/runtime';
import { silentLog } from '@mezzo/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scopedStore } from '../../kernel/plugin-host/plugin-store.js';
import { AgentCluster } from '../support/agent-cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const noop = () => {};
const manifest = {
  ...{
    id: 'marathon',
    version: '0',
    description: '',
    sdk: '*',
    process: 'own',
    placement: 'leader',
    onFailure: 'degrade',
  },
  ...{ runsOn: ['master'], provides: [] },
  ...(JSON.parse(readFileSync(join(root, 'plugins/marathon/package.json'), 'utf8')) as { mezzo: object }).mezzo,
} as unknown as PluginManifest;

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });

/** Marathon as its host would run it, beside a real master and a real agent. */
class Marathon {
  private run: PluginRun | undefined;

  constructor(
    private readonly cluster: AgentCluster,
    readonly port: number,
  ) {}

  async start(): Promise<void> {
    const { master } = this.cluster;
    const store = scopedStore(
      {
        get: (key) => master.store.get(key),
        list: (prefix) => master.store.list(prefix),
        commit: (writes) => master.store.commit({ epoch: master.epoch, writes }),
      },
      'marathon',
    );
    const meter = { inc: noop, set: noop };
    const services = new RootContainer()
      .value(CLUSTER, {
        ...{ clusterId: 'c', clusterName: 'test', host: 'master', listenIp: '127.0.0.1', portOffset: 0 },
        ...{ kernelUrl: master.url, stateDir: this.cluster.home },
      })
      .value(LOG, silentLog)
      .value(STORE, store)
      .value(ENDPOINTS, {
        announce: async () => ({ dispose: noop }),
        watch: () => ({ dispose: noop }),
        watchClaims: () => ({ dispose: noop }),
      })
      .value(METRICS, { counter: () => meter, gauge: () => meter })
      .value(SCHEDULER, {
        connect: (options) =>
          connectScheduler({ ...options, urls: [master.url], backoff: { initialMs: 20, maxMs: 200 } }),
      });
    const load = async () => ((await import('../../plugins/marathon/plugin.js')) as { default: unknown }).default;
    this.run = new PluginRun({ manifest, load, config: { port: this.port }, services, log: silentLog });
    await this.run.start();
    expect(this.run.reason).toBeUndefined();
  }

  async stop(): Promise<void> {
    await this.run?.stop();
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- bodies of any shape are looked into
  async call(method: string, path: string, body?: unknown): Promise<any> {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  async running(id: string): Promise<{ id: string; ports: number[] }[]> {
    const { tasks } = await this.call('GET', `/v2/apps${id}/tasks`);
    return tasks.filter(({ state }: { state: string }) => state === 'TASK_RUNNING');
  }

  reaches(id: string, count: number) {
    return until(`${id} has ${count} tasks`, async () => {
      const [tasks, deployments] = [await this.running(id), await this.call('GET', '/v2/deployments')];
      return tasks.length === count && deployments.length === 0 ? tasks : undefined;
    });
  }
}

let cluster: AgentCluster;
let marathon: Marathon;

beforeEach(async () => {
  cluster = await AgentCluster.start(['--resources=cpus:4;mem:2048;disk:1024;ports:[41000-41099]']);
  marathon = new Marathon(cluster, await freePort());
  await marathon.start();
});
afterEach(async () => {
  await marathon.stop();
  await cluster.destroy();
});

const app = (more: object = {}) => ({ id: '/app', cmd: 'sleep 1000', cpus: 0.1, mem: 32, ...more });
const ids = (tasks: { id: string }[]) => tasks.map(({ id }) => id).sort();

describe('marathon in a real cluster', () => {
  it('runs an app, scales it, replaces what dies, and removes it', async () => {
    await marathon.call('POST', '/v2/apps', app({ instances: 2 }));
    const first = await marathon.reaches('/app', 2);
    await marathon.call('PUT', '/v2/apps/app', { instances: 5 });
    expect(ids(await marathon.reaches('/app', 5))).toEqual(expect.arrayContaining(ids(first)));
    await marathon.call('DELETE', `/v2/apps/app/tasks/${first[0]?.id}`);
    await until('it was replaced', async () => !ids(await marathon.running('/app')).includes(first[0]?.id ?? ''));
    await marathon.reaches('/app', 5);
    await marathon.call('PUT', '/v2/apps/app', { instances: 1 });
    await marathon.reaches('/app', 1);
    await marathon.call('DELETE', '/v2/apps/app');
    await until('it is gone', async () => (await marathon.call('GET', '/v2/apps')).apps.length === 0);
    await until('nothing runs', () => cluster.agent?.state.runs.size === 0);
  });

  it('gives apps their ports and environment, and probes them', async () => {
    const serve = `exec node -e "require('http').createServer((q, s) => s.end(process.env.MESOS_TASK_ID)).listen(process.env.PORT0)"`;
    const check = { protocol: 'HTTP', intervalSeconds: 1, path: '/' };
    await marathon.call('POST', '/v2/apps', app({ cmd: serve, healthChecks: [check] }));
    const [task] = await marathon.reaches('/app', 1);
    expect(await (await fetch(`http://127.0.0.1:${task?.ports[0]}/`)).text()).toBe(task?.id);
    const shown = await marathon.call('GET', '/v2/apps/app');
    expect(shown.app).toMatchObject({ tasksHealthy: 1, tasksUnhealthy: 0 });
  });

  it('touches nothing when it is restarted, and goes on', async () => {
    await marathon.call('POST', '/v2/apps', app({ instances: 3 }));
    const before = ids(await marathon.reaches('/app', 3));
    await marathon.stop();
    await marathon.start();
    expect(ids(await marathon.reaches('/app', 3))).toEqual(before);
    await marathon.call('PUT', '/v2/apps/app', { cmd: 'sleep 2000' });
    const after = ids(await marathon.reaches('/app', 3));
    expect(after.filter((id) => before.includes(id))).toEqual([]);
  });

  it('keeps its tasks when the master is restarted under it', async () => {
    await marathon.call('POST', '/v2/apps', app({ instances: 2 }));
    const before = ids(await marathon.reaches('/app', 2));
    await marathon.stop();
    await cluster.master.close();
    await cluster.startMaster();
    await marathon.start();
    expect(ids(await marathon.reaches('/app', 2))).toEqual(before);
    await marathon.call('PUT', '/v2/apps/app', { instances: 3 });
    expect(ids(await marathon.reaches('/app', 3))).toEqual(expect.arrayContaining(before));
  });

  it('says why an app waits', async () => {
    await marathon.call('POST', '/v2/apps', app({ cpus: 64 }));
    const reason = await until('an offer was looked at', async () => {
      const { queue } = await marathon.call('GET', '/v2/queue');
      return queue[0]?.reason?.includes('nearest') ? (queue[0].reason as string) : undefined;
    });
    expect(reason).toMatch(/has 4 cpus free, 64 is needed \(InsufficientCpus, 1 of 1\)$/);
  });
});
