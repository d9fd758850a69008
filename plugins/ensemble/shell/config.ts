import { createHash, createHmac } from 'node:crypto';
import { MezzoError } from '@mezzo/sdk/contract';
import { MEMBERS_MAX, type Member } from '../core/members.js';

/** As the manifest's schema describes it, defaults filled in. */
export interface EnsembleConfig {
  readonly myId?: number;
  readonly members: readonly Member[];
  readonly port?: number;
  readonly listenIp?: string;
  readonly java: string;
  readonly jar: string;
  readonly heapMib: number;
  readonly tickTimeMs: number;
  readonly initLimit: number;
  readonly syncLimit: number;
  readonly snapshotsMax: number;
}

/** Which of the members this one is. Throws ENSEMBLE_CONFIG_INVALID. */
export function selfOf({ myId, members }: EnsembleConfig): Member {
  const self = members.find(({ id }) => id === myId);
  const ids = members.map(({ id }) => id);
  if (self && new Set(ids).size === ids.length) return self;
  const what = self
    ? `plugins.ensemble.members has an id twice: ${ids.join(', ')}`
    : `plugins.ensemble.myId is ${myId ?? 'missing'}`;
  throw new MezzoError('ENSEMBLE_CONFIG_INVALID', what, {
    blame: 'operator',
    next: `give each of at most ${MEMBERS_MAX} members an id of its own, and set myId to the one of this machine`,
  });
}

/** The same on every member, since all have the cluster's key: who knows it may change the members. */
export const superPassword = (clusterKey: Uint8Array): string =>
  createHmac('sha256', clusterKey).update('ensemble super').digest('base64url');

export const superDigest = (password: string): string =>
  `super:${createHash('sha1').update(`super:${password}`).digest('base64')}`;
