import { Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';

export const registryFlag = {
  registry: Flags.string({
    description: 'directory of packages, or URL of a registry of npm',
    env: 'MEZZO_REGISTRY',
    helpValue: 'DIR|URL',
  }),
};

export const yesFlag = { yes: Flags.boolean({ char: 'y', description: 'do not ask' }) };

export const watchFlags = {
  'no-wait': Flags.boolean({ description: 'return once the leader has accepted it' }),
  timeout: Flags.integer({ description: 'how long to watch', default: 300, min: 1, helpValue: 'SECONDS' }),
};

/** Throws NO_REGISTRY. */
export function requireRegistry(registry: string | undefined): string {
  if (registry !== undefined) return registry;
  throw new MezzoError('NO_REGISTRY', 'no registry is given', {
    blame: 'user',
    next: 'name one with --registry DIR or --registry URL, or in MEZZO_REGISTRY',
  });
}
