import type { ContainerInfo } from '@mezzo/sdk/api';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';
import { expect, test } from 'vitest';
import { checkSpec } from './spec-check.js';

const spec = (more: Partial<ContainerSpec>): ContainerSpec => ({
  ...{ containerId: 'c', owner: 'o', sandbox: '/sandbox', resources: { cpusMilli: 100, memMib: 32 } },
  command: { shell: true, argv: ['true'], env: {} },
  ...more,
});

test('what it can run passes', () => {
  checkSpec(spec({}));
  checkSpec(spec({ container: { type: 'MESOS', networkInfos: [{}], hostname: 'h' } }));
});

test.each<[string, ContainerInfo]>([
  ['images', { type: 'MESOS', mesos: { image: { type: 'DOCKER', docker: { name: 'busybox' } } } }],
  ['volumes', { type: 'MESOS', volumes: [{ mode: 'RW', containerPath: 'x', hostPath: '/tmp' }] }],
  ['networks', { type: 'MESOS', networkInfos: [{ name: 'overlay' }] }],
  ['linux_info', { type: 'MESOS', linuxInfo: {} }],
  ['rlimit_info', { type: 'MESOS', rlimitInfo: {} }],
  ['tty_info', { type: 'MESOS', ttyInfo: {} }],
  ['DOCKER', { type: 'DOCKER', docker: { image: 'busybox' } }],
])('%s are refused by name', (word, container) => {
  const refusal = { code: 'CONTAINER_LAUNCH_FAILED', blame: 'user', message: expect.stringContaining(word) };
  expect(() => checkSpec(spec({ container }))).toThrow(expect.objectContaining(refusal));
});

test.each(['', '.', '..', '../x', 'a/b', 'a b', "a'b", 'a\nb', '.hidden', 'x'.repeat(129)])(
  'a name that could leave its directory is refused: %j',
  (containerId) => {
    expect(() => checkSpec(spec({ containerId }))).toThrow(expect.objectContaining({ blame: 'kernel' }));
    expect(() => checkSpec(spec({ owner: containerId }))).toThrow(expect.objectContaining({ blame: 'kernel' }));
  },
);

test('a command is a text for the shell or a program', () => {
  for (const command of [
    { shell: true, argv: [], env: {} },
    { shell: true, argv: ['a', 'b'], env: {} },
    { shell: false, argv: [], env: {} },
  ])
    expect(() => checkSpec(spec({ command }))).toThrow(expect.objectContaining({ code: 'CONTAINER_LAUNCH_FAILED' }));
});
