import { expect, test } from 'vitest';
import { applyParameters, type Draft } from './parameters.js';

function apply(...parameters: readonly (readonly [string, string])[]): Draft {
  const draft: Draft = { create: {}, host: {}, env: [], labels: {}, aliases: [] };
  applyParameters(
    draft,
    parameters.map(([key, value]) => ({ key, value })),
  );
  return draft;
}

test('flags of docker run mean what they mean there', () => {
  const { create, host, env, labels, aliases } = apply(
    ['hostname', 'h'],
    ['--workdir', '/w'],
    ['user', '1000:1000'],
    ['env', 'A=b'],
    ['label', 'a=b=c'],
    ['label', 'flag'],
    ['cap-add', 'NET_ADMIN'],
    ['cap-add', 'SYS_TIME'],
    ['ulimit', 'nofile=1024:2048'],
    ['ulimit', 'core=0'],
    ['shm-size', '64m'],
    ['sysctl', 'net.core.somaxconn=1024'],
    ['volume', '/a:/b:ro'],
    ['tmpfs', '/run:size=64m'],
    ['device', '/dev/fuse'],
    ['pids-limit', '100'],
    ['read-only', 'true'],
    ['init', ''],
    ['log-driver', 'syslog'],
    ['log-opt', 'tag=x'],
    ['network-alias', 'web'],
  );
  expect(create).toEqual({ Hostname: 'h', WorkingDir: '/w', User: '1000:1000' });
  expect(env).toEqual(['A=b']);
  expect(labels).toEqual({ a: 'b=c', flag: '' });
  expect(aliases).toEqual(['web']);
  expect(host).toEqual({
    CapAdd: ['NET_ADMIN', 'SYS_TIME'],
    Ulimits: [
      { Name: 'nofile', Soft: 1024, Hard: 2048 },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    ShmSize: 64 << 20,
    Sysctls: { 'net.core.somaxconn': '1024' },
    Binds: ['/a:/b:ro'],
    Tmpfs: { '/run': 'size=64m' },
    Devices: [{ PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' }],
    PidsLimit: 100,
    ReadonlyRootfs: true,
    Init: true,
    LogConfig: { Type: 'syslog', Config: { tag: 'x' } },
  });
});

test.each([
  ['a flag that is not known', 'frobnicate', 'x'],
  ['what decides over the life of a container', 'restart', 'always'],
  ['its name', 'name', 'x'],
  ['its removal', 'rm', 'true'],
  ['what every object has', 'constructor', 'x'],
  ['labels of the agent', 'label', 'mezzo.owner=thief'],
  ['a size that is none', 'shm-size', 'big'],
  ['a ulimit that is none', 'ulimit', 'nofile'],
  ['a number that is none', 'pids-limit', 'many'],
  ['a setting without a name', 'sysctl', 'x'],
  ['a flag that is neither on nor off', 'privileged', 'maybe'],
])('%s is refused by name', (_, key, value) => {
  const refusal = { code: 'CONTAINER_LAUNCH_FAILED', blame: 'user', message: expect.stringContaining(`"${key}"`) };
  expect(() => apply([key, value])).toThrow(expect.objectContaining(refusal));
});
