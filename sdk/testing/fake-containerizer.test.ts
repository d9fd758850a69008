import { expect, test } from 'vitest';
import type { ContainerSpec } from '../points/containerizer.js';
import { FakeContainerizer, FakeMachine } from './fake-containerizer.js';

const spec = (containerId: string, command: string, owner = 'o'): ContainerSpec => ({
  ...{ containerId, owner, sandbox: '/nowhere' },
  command: { shell: true, argv: [command], env: {} },
  resources: { cpusMilli: 100, memMib: 32 },
});

test('a command ends as it says, or runs until it is killed', async () => {
  const fake = new FakeContainerizer();
  await fake.launch(spec('a', 'exit 3'));
  expect(await fake.wait('a')).toEqual({ code: 3, message: 'Command exited with status 3' });
  await fake.launch(spec('b', 'sleep 9'));
  expect(fake.running.map((s) => s.containerId)).toEqual(['b']);
  await fake.kill('b', 3000);
  await fake.kill('b', 0);
  expect((await fake.wait('b')).signal).toBe('SIGTERM');
  await fake.remove('b');
  await expect(fake.wait('b')).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' });
});

test('containers outlive the containerizer; orphans of the owner do not', async () => {
  const machine = new FakeMachine();
  const first = new FakeContainerizer({ machine });
  const { checkpoint } = await first.launch(spec('kept', 'sleep 9'));
  await first.launch(spec('orphan', 'sleep 9'));
  await first.launch(spec('stranger', 'sleep 9', 'other'));
  await first.close();
  const second = new FakeContainerizer({ machine });
  expect(await second.recover('o', [checkpoint, { containerId: 'lost', version: 1, data: {} }])).toEqual(['kept']);
  expect(second.running.map((s) => s.containerId)).toEqual(['kept', 'stranger']);
  second.end('kept', { code: 0 });
  expect((await second.wait('kept')).code).toBe(0);
});

test('a launch that is refused leaves nothing', async () => {
  const fake = new FakeContainerizer({
    onLaunch: () => {
      throw new Error('no room');
    },
  });
  await expect(fake.launch(spec('a', 'sleep 9'))).rejects.toMatchObject({ code: 'CONTAINER_LAUNCH_FAILED' });
  expect(fake.running).toEqual([]);
});
