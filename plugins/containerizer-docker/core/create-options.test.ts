import type { ContainerInfo, ContainerInfoDockerInfo } from '@mezzo/sdk/api';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { describe, expect, test } from 'vitest';
import { createOptions } from './create-options.js';

const docker = (more: Partial<ContainerInfoDockerInfo> = {}, container: Partial<ContainerInfo> = {}) =>
  options({ container: { type: 'DOCKER', docker: { image: 'busybox', ...more }, ...container } });

const options = (more: Partial<ContainerSpec>) =>
  createOptions({
    ...{ containerId: 'c.1', owner: 'o', sandbox: '/sandbox', resources: { cpusMilli: 1500, memMib: 128 } },
    command: { shell: true, argv: ['echo $A'], env: { A: 'b=c' } },
    container: { type: 'DOCKER', docker: { image: 'busybox' } },
    ...more,
  });

const refusal = (words: string) =>
  expect.objectContaining({ code: 'CONTAINER_LAUNCH_FAILED', message: expect.stringContaining(words) });

describe('the command', () => {
  test('a text for the shell takes the place of the entrypoint', () => {
    expect(options({})).toMatchObject({ Entrypoint: ['/bin/sh', '-c'], Cmd: ['echo $A'] });
  });

  test('words go to the entrypoint of the image, or of the parameter', () => {
    const command = { shell: false, argv: ['a', 'b'], env: {} };
    expect(options({ command })).toMatchObject({ Cmd: ['a', 'b'] });
    expect(options({ command }).Entrypoint).toBeUndefined();
    const parameters = [{ key: 'entrypoint', value: '/bin/x' }];
    const container: ContainerInfo = { type: 'DOCKER', docker: { image: 'busybox', parameters } };
    expect(options({ command, container })).toMatchObject({ Entrypoint: ['/bin/x'], Cmd: ['a', 'b'] });
  });

  test('no words leave everything to the image', () => {
    const { Entrypoint, Cmd } = options({ command: { shell: false, argv: [], env: {} } });
    expect([Entrypoint, Cmd]).toEqual([undefined, undefined]);
  });

  test('the environment is complete, the sandbox where Mesos has it', () => {
    const { Env, HostConfig } = options({});
    expect(Env).toEqual(['A=b=c', 'MESOS_SANDBOX=/mnt/mesos/sandbox']);
    expect(HostConfig?.Binds).toEqual(['/sandbox:/mnt/mesos/sandbox']);
  });
});

describe('the resources', () => {
  test('cpus are shares, memory is bounded without swap', () => {
    const { HostConfig } = options({});
    expect(HostConfig).toMatchObject({ CpuShares: 1536, Memory: 128 << 20, MemorySwap: 128 << 20 });
    expect(HostConfig?.CpuQuota).toBeUndefined();
  });

  test('what is revocable has hardly a share', () => {
    const resources = { cpusMilli: 3000, revocableCpusMilli: 2000, memMib: 32 };
    expect(options({ resources }).HostConfig?.CpuShares).toBe(1044);
  });

  test('limits bind harder or not at all', () => {
    const limited = { cpusMilli: 500, memMib: 64, limits: { cpusMilli: 2000, memMib: 256 } };
    const bound = { CpuPeriod: 100_000, CpuQuota: 200_000, Memory: 256 << 20, MemoryReservation: 64 << 20 };
    expect(options({ resources: limited }).HostConfig).toMatchObject(bound);
    const free = { cpusMilli: 1, memMib: 1, limits: { cpusMilli: 'unlimited', memMib: 'unlimited' } } as const;
    const { CpuShares, CpuQuota, Memory } = options({ resources: free }).HostConfig!;
    expect([CpuShares, CpuQuota, Memory]).toEqual([2, undefined, undefined]);
  });
});

describe('the network', () => {
  const mapping = { hostPort: 31000, containerPort: 80, protocol: 'tcp' };

  test("is the host's unless something else is said", () => {
    expect(docker().HostConfig?.NetworkMode).toBe('host');
    expect(docker({ network: 'NONE' }).HostConfig?.NetworkMode).toBe('none');
  });

  test('of its own maps ports, for as many protocols as are named', () => {
    const { HostConfig, ExposedPorts } = docker({
      network: 'BRIDGE',
      portMappings: [mapping, { hostPort: 31001, containerPort: 53, protocol: 'udp,tcp' }],
    });
    expect(HostConfig?.NetworkMode).toBe('bridge');
    expect(HostConfig?.PortBindings).toEqual({
      '80/tcp': [{ HostPort: '31000' }],
      '53/udp': [{ HostPort: '31001' }],
      '53/tcp': [{ HostPort: '31001' }],
    });
    expect(Object.keys(ExposedPorts ?? {})).toEqual(['80/tcp', '53/udp', '53/tcp']);
  });

  test('of the user has a name', () => {
    const named = docker({ network: 'USER', portMappings: [mapping] }, { networkInfos: [{ name: 'blue' }] });
    expect(named.HostConfig?.NetworkMode).toBe('blue');
    expect(() => docker({ network: 'USER' })).toThrow(refusal('network_info'));
  });

  test('of the host maps no ports', () => {
    expect(() => docker({ portMappings: [mapping] })).toThrow(refusal('port mappings'));
  });
});

describe('volumes', () => {
  const bindsOf = (...volumes: NonNullable<ContainerInfo['volumes']>) =>
    docker({}, { volumes }).HostConfig?.Binds?.slice(1);

  test('relative paths lie in the sandbox, on either side', () => {
    expect(bindsOf({ mode: 'RW', containerPath: '/data', hostPath: '/srv' })).toEqual(['/srv:/data']);
    expect(bindsOf({ mode: 'RO', containerPath: 'in', hostPath: 'out' })).toEqual([
      '/sandbox/out:/mnt/mesos/sandbox/in:ro',
    ]);
  });

  test('the engine makes volumes, with a driver if asked', () => {
    const dockerVolume = { name: 'db', driver: 'rexray' };
    const created = docker(
      {},
      { volumes: [{ mode: 'RW', containerPath: '/d', source: { type: 'DOCKER_VOLUME', dockerVolume } }] },
    );
    expect(created.HostConfig).toMatchObject({
      Binds: ['/sandbox:/mnt/mesos/sandbox', 'db:/d'],
      VolumeDriver: 'rexray',
    });
    expect(docker({}, { volumes: [{ mode: 'RW', containerPath: '/d' }] }).Volumes).toEqual({ '/d': {} });
  });

  test('what would leave the sandbox, or mean something else, is refused', () => {
    expect(() => bindsOf({ mode: 'RW', containerPath: '/d', hostPath: '../../etc' })).toThrow(refusal('leaves'));
    expect(() => bindsOf({ mode: 'RW', containerPath: '/d:/e', hostPath: '/srv' })).toThrow(refusal('colon'));
    expect(() => bindsOf({ mode: 'RW', containerPath: '/d', source: { type: 'SECRET' } })).toThrow(refusal('SECRET'));
  });
});

describe('names', () => {
  test('the labels of the agent are its own, whatever the task says', () => {
    const labels = { 'mezzo.owner': 'thief', tier: 'web' };
    expect(options({ labels }).Labels).toEqual({ tier: 'web', 'mezzo.owner': 'o', 'mezzo.container': 'c.1' });
  });

  test('an image without a tag is its latest, not all of them', () => {
    expect(docker({ image: 'registry:5000/a/b' }).Image).toBe('registry:5000/a/b:latest');
    expect(docker({ image: 'a/b:1.2' }).Image).toBe('a/b:1.2');
    expect(docker({ image: 'a@sha256:00' }).Image).toBe('a@sha256:00');
    for (const image of ['', 'a b', '../x', 'x'.repeat(501)])
      expect(() => docker({ image })).toThrow(refusal('image name'));
  });

  test('what is not for this containerizer is refused', () => {
    expect(() => options({ container: { type: 'MESOS' } })).toThrow(refusal('type DOCKER'));
    expect(() => options({ containerId: '../x' })).toThrow(expect.objectContaining({ blame: 'kernel' }));
  });
});
