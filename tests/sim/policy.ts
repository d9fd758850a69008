import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';

const hash = (text: string): number => [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 9973, 7);

/** Of a plugin, whose ways nobody knows. Everybody may go to the first host, so that all can have what they wish in the end. */
export const strangePolicy = (seed: number, firstHost: string): AllocatorPolicy => ({
  name: 'strange',
  rank: ({ kind, role, framework, dominantShare }) =>
    (hash(`${seed} ${kind} ${role} ${framework?.name}`) % 5) / 20 + dominantShare,
  admits: ({ name }, role, { hostname = '' }) =>
    hostname === firstHost || hash(`${seed} ${name} ${role} ${hostname}`) % 3 > 0,
});
