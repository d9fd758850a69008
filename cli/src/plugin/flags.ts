import { Flags } from '@oclif/core';

export const registryFlag = {
  registry: Flags.string({
    description: 'directory of packages, or URL of a registry of npm (default: what ships with Mezzo)',
    env: 'MEZZO_REGISTRY',
    helpValue: 'DIR|URL',
  }),
};

export const yesFlag = { yes: Flags.boolean({ char: 'y', description: 'do not ask' }) };

export const watchFlags = {
  'no-wait': Flags.boolean({ description: 'return once the leader has accepted it' }),
  timeout: Flags.integer({ description: 'how long to watch', default: 300, min: 1, helpValue: 'SECONDS' }),
};
