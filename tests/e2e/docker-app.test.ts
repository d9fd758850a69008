import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { dockerdLack, TestDockerd, TEST_IMAGE } from '../support/dockerd.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';

const run = promisify(execFile);

/** Every instance serves a page with its task id from inside its container, on a port of the container's own. */
const definition = {
  id: '/shop/web',
  cmd: 'mkdir -p /www && echo "page of $MESOS_TASK_ID" > /www/index.html && exec httpd -f -p 8080 -h /www',
  cpus: 0.02,
  mem: 32,
  instances: 3,
  container: {
    type: 'DOCKER',
    docker: { image: TEST_IMAGE },
    portMappings: [{ containerPort: 8080, hostPort: 0, name: 'http', protocol: 'tcp' }],
  },
  networks: [{ mode: 'container/bridge' }],
  healthChecks: [{ protocol: 'HTTP', path: '/', portIndex: 0, intervalSeconds: 2, gracePeriodSeconds: 30 }],
  labels: { MEZZO_ROUTER_PUBLIC: 'true' },
};

describeIf(dockerdLack(), 'the main job with Docker', () => {
  let engine: TestDockerd;
  let cluster: TestCluster;

  beforeAll(async () => {
    engine = await TestDockerd.start();
    cluster = await TestCluster.up([], { DOCKER_HOST: `unix://${engine.socket}` });
  }, 120_000);
  afterAll(async () => {
    await cluster?.destroy();
    await engine?.destroy();
  }, 90_000);

  const tasks = async () =>
    (await cluster.json<{ id: string; state: string; ports: string }[]>('task', 'list')).filter(
      ({ state }) => state === 'TASK_RUNNING',
    );
  const page = async () => {
    const answer = await fetch(cluster.url(8000, '/service/shop/web/'));
    return { status: answer.status, text: (await answer.text()).trim() };
  };
  const pagesOf = (count: number) => {
    const seen = new Set<string>();
    return until(`${count} instances to answer`, async () => {
      const { status, text } = await page();
      if (status === 200) seen.add(text);
      return seen.size === count && seen;
    });
  };

  test('three instances in containers of their own are found by dig and fetched through the router', async () => {
    const { code, stdout, stderr } = await cluster.mezzo(['app', 'add', '-'], JSON.stringify(definition));
    expect(code, stdout + stderr).toBe(0);
    const running = await tasks();
    expect(running).toHaveLength(3);
    expect(await pagesOf(3)).toEqual(new Set(running.map(({ id }) => `page of ${id}`)));
    expect(await engine.docker.listContainers()).toHaveLength(3);
    if (existsSync('/usr/bin/dig')) {
      const { stdout: srv } = await run('dig', [
        '@127.0.0.1',
        '-p',
        String(cluster.port(8053)),
        '+short',
        'SRV',
        '_web-shop._tcp.marathon.mesos',
      ]);
      const ports = srv
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[2])
        .sort();
      expect(ports).toEqual(running.map(({ ports: text }) => /\d+/.exec(text)![0]).sort());
    }
  });

  test('an instance that is killed inside is replaced', async () => {
    const before = (await tasks()).map(({ id }) => id);
    const [victim] = await engine.docker.listContainers();
    const { State } = await engine.docker.getContainer(victim!.Id).inspect();
    process.kill(State.Pid, 'SIGKILL');
    await until('a replacement', async () => {
      const now = (await tasks()).map(({ id }) => id);
      return now.length === 3 && now.some((id) => !before.includes(id));
    });
    await pagesOf(3);
  });

  test('kill -9 of the agent leaves the containers alone', async () => {
    const before = (await engine.docker.listContainers()).map(({ Id }) => Id).sort();
    const ids = (await tasks()).map(({ id }) => id).sort();
    const { agents } = await cluster.json<{ agents: { pid: number }[] }>('status');
    process.kill(agents[0]!.pid, 'SIGKILL');
    await until('the agent to be back', async () => {
      const now = await cluster.json<{ agents: { pid: number; state: string }[] }>('status');
      return now.agents[0]!.state === 'running' && now.agents[0]!.pid !== agents[0]!.pid;
    });
    await until('its tasks to be known', async () => (await tasks()).length === 3);
    expect((await tasks()).map(({ id }) => id).sort()).toEqual(ids);
    expect((await engine.docker.listContainers()).map(({ Id }) => Id).sort()).toEqual(before);
  });

  test('it scales to ten and back, its output is read, and it is removed without a trace', async () => {
    expect((await cluster.mezzo(['app', 'scale', '/shop/web', '10'])).code).toBe(0);
    await pagesOf(10);
    expect((await cluster.mezzo(['app', 'scale', '/shop/web', '3'])).code).toBe(0);
    await until('three to be left', async () => (await tasks()).length === 3);
    expect((await cluster.mezzo(['app', 'remove', '/shop/web'])).code).toBe(0);
    await until('no container to run', async () => (await engine.docker.listContainers()).length === 0);
  });
});
