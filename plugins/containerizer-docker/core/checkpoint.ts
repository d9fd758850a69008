import type { ContainerCheckpoint } from '@mezzo/sdk/points/containerizer';

export const CHECKPOINT_VERSION = 1;

/** All that must be known of a container to take it back; the engine keeps the rest. */
export interface Facts {
  readonly owner: string;
  /** The engine's id. */
  readonly dockerId: string;
  readonly sandbox: string;
  readonly stopSignal: string;
  readonly cpusLimitMilli: number;
  readonly memLimitMib?: number;
}

export const toCheckpoint = (containerId: string, facts: Facts): ContainerCheckpoint => ({
  containerId,
  version: CHECKPOINT_VERSION,
  data: { ...facts },
});

/** Undefined for what another version wrote. */
export function fromCheckpoint({ version, data }: ContainerCheckpoint): Facts | undefined {
  const facts = data as unknown as Facts;
  const whole =
    version === CHECKPOINT_VERSION && typeof facts.dockerId === 'string' && typeof facts.sandbox === 'string';
  return whole ? facts : undefined;
}
