import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerInfo, ContainerInfoDockerInfo } from '@mezzo/sdk/api';
import { CLUSTER, LOG, type PluginManifest } from '@mezzo/sdk/contract';
import type { ContainerCheckpoint, ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { PluginRun, RootContainer } from '@mezzo/sdk/runtime';
import { silentLog } from '@mezzo/sdk/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import plugin from '../../plugins/containerizer-docker/plugin.js';
import { DockerContainerizer } from '../../plugins/containerizer-docker/shell/docker-containerizer.js';
import { dockerdLack, TEST_IMAGE, TestDockerd } from '../support/dockerd.js';
import { until } from '../support/poll.js';
import { describeIf } from '../support/skip.js';

describeIf(dockerdLack(), 'containerizer-docker with a real engine', () => {
  let engine: TestDockerd;
  let home: string;
  let containerizer: DockerContainerizer;
  let launched: string[];
  let troubles: (string | undefined)[];

  async function open(): Promise<DockerContainerizer> {
    const opened = new DockerContainerizer({
      ...{ socket: engine.socket, stateDir: join(home, 'state'), pullTimeoutMs: 3_000, log: silentLog },
      onTrouble: (reason) => troubles.push(reason),
    });
    await opened.start();
    return opened;
  }

  function spec(
    text: string,
    docker: Partial<ContainerInfoDockerInfo> = {},
    more: Partial<ContainerInfo> = {},
  ): ContainerSpec {
    const containerId = `c${launched.length}`;
    launched.push(containerId);
    const sandbox = join(home, containerId);
    mkdirSync(sandbox, { recursive: true });
    return {
      ...{ containerId, owner: 'integration', sandbox, resources: { cpusMilli: 100, memMib: 64 } },
      command: { shell: true, argv: [text], env: {} },
      container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'NONE', ...docker }, ...more },
    };
  }

  const printed = ({ sandbox }: ContainerSpec, name = 'stdout'): string => readFileSync(join(sandbox, name), 'utf8');

  /** Runs it to its end, and answers what it printed. */
  async function output(wanted: ContainerSpec) {
    await containerizer.launch(wanted);
    const exit = await containerizer.wait(wanted.containerId);
    return { ...exit, stdout: printed(wanted), stderr: printed(wanted, 'stderr') };
  }

  beforeAll(async () => {
    engine = await TestDockerd.start();
  });
  afterAll(() => engine?.destroy());

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'mezzo-docker-'));
    [launched, troubles] = [[], []];
    containerizer = await open();
    await containerizer.recover('integration', []);
  });
  afterEach(async () => {
    for (const id of launched) await containerizer.remove(id);
    await containerizer.close();
    rmSync(home, { recursive: true, force: true });
  });

  test('a port of the host leads into a container with a network of its own', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const hostPort = (server.address() as AddressInfo).port;
    await new Promise((resolve) => server.close(resolve));
    const web = spec('mkdir -p /www && echo hello >/www/index.html && exec httpd -f -p 80 -h /www', {
      network: 'BRIDGE',
      portMappings: [{ hostPort, containerPort: 80 }],
    });
    const { network, pid } = await containerizer.launch(web);
    expect(network?.ipAddresses[0]).toMatch(/^10\.213\./);
    expect(pid).toBeGreaterThan(1);
    const body = await until('it answers', () =>
      fetch(`http://127.0.0.1:${hostPort}/`, { signal: AbortSignal.timeout(2_000) }).then((answer) => answer.text()),
    );
    expect(body).toBe('hello\n');
  });

  test('a port that is taken is a failed launch that leaves nothing', async () => {
    const taken = createServer().listen(0, '0.0.0.0');
    await new Promise((resolve) => taken.once('listening', resolve));
    const hostPort = (taken.address() as AddressInfo).port;
    const portMappings = [{ hostPort, containerPort: 80 }];
    const launch = containerizer.launch(spec('sleep 600', { network: 'BRIDGE', portMappings }));
    const refusal = { code: 'CONTAINER_LAUNCH_FAILED', message: expect.stringContaining(String(hostPort)) };
    await expect(launch).rejects.toMatchObject(refusal);
    expect(await engine.docker.listContainers({ all: true })).toEqual([]);
    await new Promise((resolve) => taken.close(resolve));
  });

  test('the network of the host has no addresses of its own', async () => {
    const { network } = await containerizer.launch(spec('exit 0', { network: 'HOST' }));
    expect(network).toBeUndefined();
  });

  test('volumes, user, hostname and the rest arrive', async () => {
    mkdirSync(join(home, 'data'));
    writeFileSync(join(home, 'data/in'), 'from the host\n');
    const text =
      'cat /data/in; touch /data/x 2>/dev/null || echo read-only; id -u; hostname; ulimit -n; pwd; echo "$EXTRA"';
    const parameters = [
      { key: 'user', value: '65534' },
      { key: 'hostname', value: 'its-own' },
      { key: 'ulimit', value: 'nofile=77:88' },
      { key: 'workdir', value: '/tmp' },
      { key: 'env', value: 'EXTRA=more' },
    ];
    const volumes = [{ mode: 'RO' as const, containerPath: '/data', hostPath: join(home, 'data') }];
    const { stdout } = await output(spec(text, { parameters }, { volumes }));
    expect(stdout).toBe('from the host\nread-only\n65534\nits-own\n77\n/tmp\nmore\n');
  });

  test('a container of its own making has the bounds it was given', async () => {
    const wanted = spec('sleep 600');
    await containerizer.launch(wanted);
    const { HostConfig, Config } = await engine.docker.getContainer('mezzo-integration-c0').inspect();
    expect(HostConfig).toMatchObject({ Memory: 64 << 20, CpuShares: 102, NetworkMode: 'none' });
    expect(Config.Labels).toMatchObject({ 'mezzo.owner': 'integration', 'mezzo.container': 'c0' });
    const statistics = await containerizer.statistics('c0');
    expect(statistics).toMatchObject({ memLimitBytes: 64 << 20, cpusLimitMilli: 100, processes: 1 });
    expect(statistics.memTotalBytes).toBeGreaterThan(0);
  });

  test('an image that cannot be had is a failed launch that says which, within its deadline', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const registry = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const wanted = (image: string, forcePullImage = false) =>
      containerizer.launch(spec('true', { image, forcePullImage }));
    const refusal = (image: string) => ({ code: 'CONTAINER_LAUNCH_FAILED', message: expect.stringContaining(image) });
    await expect(wanted('127.0.0.1:1/nothing:1')).rejects.toMatchObject(refusal('127.0.0.1:1/nothing:1'));
    await expect(wanted(`${registry}/slow:1`)).rejects.toMatchObject({
      ...refusal(`${registry}/slow:1`),
      retryable: true,
    });
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('an image that is there is pulled nevertheless when told so', async () => {
    const image = '127.0.0.1:1/there:1';
    await engine.docker.getImage(TEST_IMAGE).tag({ repo: '127.0.0.1:1/there', tag: '1' });
    expect((await output(spec('exit 4', { image }))).code).toBe(4);
    const forced = containerizer.launch(spec('exit 4', { image, forcePullImage: true }));
    await expect(forced).rejects.toMatchObject({ code: 'CONTAINER_LAUNCH_FAILED' });
  });

  test('output is whole over restarts: no line twice, none missing', async () => {
    const talker = spec('i=0; while [ $i -lt 400 ]; do echo "line $i"; i=$((i + 1)); sleep 0.01; done; echo end >&2');
    const { checkpoint } = await containerizer.launch(talker);
    for (const upTo of ['line 50\n', 'line 150\n', 'line 250\n']) {
      await until(upTo, () => printed(talker).includes(upTo));
      await containerizer.close();
      containerizer = await open();
      expect(await containerizer.recover('integration', [checkpoint])).toEqual(['c0']);
    }
    await containerizer.wait('c0');
    expect(printed(talker)).toBe(Array.from({ length: 400 }, (_, i) => `line ${i}\n`).join(''));
    expect(printed(talker, 'stderr')).toBe('end\n');
  });

  test('what was written after the last known place, when the agent was killed, is not there twice', async () => {
    const talker = spec('echo one; echo two; sleep 600');
    const { checkpoint } = await containerizer.launch(talker);
    await until('it has spoken', () => printed(talker) === 'one\ntwo\n');
    const positionFile = join(home, 'state/logs/integration/c0.json');
    await containerizer.close();
    const { at } = JSON.parse(readFileSync(positionFile, 'utf8')) as { at: string };
    expect(at).toMatch(/^\d{4}-.*Z$/);
    // As if nothing had been noted since the start.
    writeFileSync(positionFile, JSON.stringify({ at: '', stdout: 0, stderr: 0 }));
    containerizer = await open();
    await containerizer.recover('integration', [checkpoint]);
    await until('it is noted again', () => readFileSync(positionFile, 'utf8').includes(at));
    expect(printed(talker)).toBe('one\ntwo\n');
  });

  test('a container cannot lead its output out of the sandbox', async () => {
    const victim = join(home, 'victim');
    writeFileSync(victim, 'untouched');
    const sly = spec(
      `cd "$MESOS_SANDBOX"; rm stdout; ln -s ${victim} stdout; echo ready >ready; while :; do echo evil; sleep 0.02; done`,
    );
    const { checkpoint } = await containerizer.launch(sly);
    await until('the link is there', () => existsSync(join(sly.sandbox, 'ready')));
    await containerizer.close();
    containerizer = await open();
    await containerizer.recover('integration', [checkpoint]);
    await containerizer.kill('c0', 0);
    await containerizer.wait('c0');
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });

  test('when the engine goes the plugin knows, and what ended meanwhile is told when it is back', async () => {
    const wanted = spec('trap "exit 0" TERM; while :; do sleep 0.1; done');
    await containerizer.launch(wanted);
    await until('events flow', () => troubles.at(-1) === undefined && troubles.length > 0);
    const ended = containerizer.wait('c0');
    await engine.halt();
    await until('it is missed', () => troubles.at(-1)?.includes('Docker Engine is away'));
    const refusal = { code: 'CONTAINER_LAUNCH_FAILED', retryable: true };
    await expect(containerizer.launch(spec('true'))).rejects.toMatchObject(refusal);
    await engine.run();
    await until('it is found again', () => troubles.at(-1) === undefined);
    expect((await ended).message).not.toBe('');
    expect((await output(spec('exit 5'))).code).toBe(5);
  });

  test('a container that somebody else removes has ended', async () => {
    await containerizer.launch(spec('sleep 600'));
    await engine.docker.getContainer('mezzo-integration-c0').remove({ force: true });
    expect((await containerizer.wait('c0')).message).not.toBe('');
  });

  test('a checkpoint of a container that is gone is not taken back', async () => {
    const gone: ContainerCheckpoint = {
      ...{ containerId: 'gone', version: 1 },
      data: { owner: 'integration', dockerId: 'f00', sandbox: home, stopSignal: 'SIGTERM', cpusLimitMilli: 1 },
    };
    expect(await containerizer.recover('integration', [gone])).toEqual([]);
  });

  test('as a plugin it is active where an engine answers, and skipped where none does', async () => {
    const manifest = JSON.parse(readFileSync('plugins/containerizer-docker/package.json', 'utf8')) as {
      mezzo: PluginManifest;
    };
    const states: string[] = [];
    const run = (socket: string) =>
      new PluginRun({
        ...{
          manifest: { ...manifest.mezzo, requires: [] },
          load: async () => plugin,
          config: { socket },
          log: silentLog,
        },
        services: new RootContainer().value(LOG, silentLog).value(CLUSTER, { stateDir: home } as never),
        onState: (state, reason) => states.push(`${state} ${reason ?? ''}`),
      });
    const active = run(engine.socket);
    await active.start();
    expect(active.state).toBe('active');
    await active.stop();
    const skipped = run(join(home, 'nobody.sock'));
    await skipped.start();
    expect(skipped.state).toBe('skipped');
    expect(states.join()).toContain('no Docker Engine answers at');
  });
});
