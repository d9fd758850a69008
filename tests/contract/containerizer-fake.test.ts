import { containerizerSuite, FakeContainerizer, FakeMachine, SHELL_BEHAVIOURS } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';

const machines = new Map<string, FakeMachine>();

const create = async (home: string) => {
  const machine = machines.get(home) ?? new FakeMachine();
  machines.set(home, machine);
  return new FakeContainerizer({ machine });
};

describe('the fake containerizer', () => {
  const laws = containerizerSuite({
    create,
    capabilities: { cgroups: 'none', nesting: true, streams: 'plain' },
    behaviours: {
      ...SHELL_BEHAVIOURS,
      waits: (code) => ({ shell: true, argv: [`sleep; ends with ${code}`], env: {} }),
    },
    pretended: {
      end: (containerizer, { containerId, command }) =>
        (containerizer as FakeContainerizer).end(containerId, { code: Number(command.argv[0]?.split(' ').at(-1)) }),
    },
  });
  for (const law of laws.filter(({ skip }) => skip === undefined)) it(law.title, { timeout: law.timeoutMs }, law.run);
});
