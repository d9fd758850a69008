/** Why an offer did not serve, in the order in which offers are sifted. Marathon's names. */
export const REASONS = [
  'UnfulfilledRole',
  'UnfulfilledConstraint',
  'NoCorrespondingReservationFound',
  'AgentMaintenance',
  'InsufficientCpus',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGpus',
  'InsufficientPorts',
  'DeclinedScarceResources',
] as const;
export type Reason = (typeof REASONS)[number];

/** Why one offer does not serve one app. Put into words only when somebody asks. */
export interface Refusal {
  readonly reason: Reason;
  /** In thousandths for scalars, a number of ports else. */
  readonly have?: number;
  readonly need?: number;
  /** The constraint or the roles that are not met, the ports that are not free. */
  readonly wanted?: readonly (string | number)[];
}

const SCALARS: Partial<Record<Reason, [name: string, unit: string]>> = {
  InsufficientCpus: ['cpus', ''],
  InsufficientMemory: ['mem', ' MiB'],
  InsufficientDisk: ['disk', ' MiB'],
  InsufficientGpus: ['gpus', ''],
};

/** What follows the name of the host: `has 1 cpus free, 2 is needed`. */
export function describeRefusal({ reason, have = 0, need = 0, wanted = [] }: Refusal): string {
  const [name, unit] = SCALARS[reason] ?? [];
  if (name !== undefined) return `has ${have / 1000}${unit} ${name} free, ${need / 1000}${unit} is needed`;
  switch (reason) {
    case 'UnfulfilledRole':
      return `offers nothing for the roles ${wanted.join(', ')}`;
    case 'UnfulfilledConstraint':
      return `does not meet ${wanted.join(' ')}`;
    case 'AgentMaintenance':
      return 'is scheduled for maintenance';
    default:
      return `has ${have} ports free, but not ${wanted.length > 0 ? `the ports ${wanted.join(', ')}` : `${need} of them`}`;
  }
}
