import { MezzoError } from '@mezzo/sdk/contract';
import type { ClusterFile } from '../lib/workdir.js';
import type { UpOptions } from './plan.js';

export interface Shape extends Required<UpOptions> {
  readonly clusterName: string;
  /** The kernel's daemons speak HTTPS, with certificates of the cluster's own authority. */
  readonly tls: boolean;
}

const FIRST: Shape = { agents: 1, portOffset: 0, masters: 1, clusterName: 'mezzo', tls: false };

const shapeOf = ({ agents, portOffset, masterUrl, masterUrls, clusterName }: ClusterFile): Shape => ({
  ...{ agents, portOffset, clusterName },
  masters: masterUrls?.length ?? 1,
  tls: masterUrl.startsWith('https:'),
});

/**
 * What a cluster is started as: as before, but for what is asked for. Throws MASTERS_FIXED or PORTS_FIXED where that cannot be
 * changed: one master and several have their definitions in different places, and a ZooKeeper knows its peers by their ports.
 */
export function shapeFor(earlier: ClusterFile | undefined, asked: Partial<Shape>): Shape {
  if (earlier === undefined) return { ...FIRST, ...asked };
  const before = shapeOf(earlier);
  const wanted = { ...before, ...asked };
  const fixed = (code: string, what: string, flag: string, got: number): MezzoError =>
    new MezzoError(code, `the cluster has ${what}, and ${flag} is ${got}`, {
      blame: 'user',
      next: `leave ${flag} out; or take \`mezzo backup\`, start anew in another --work-dir, and see docs/HIGH-AVAILABILITY.md`,
    });
  if (wanted.masters !== before.masters)
    throw fixed('MASTERS_FIXED', `${before.masters} master(s)`, '--masters', wanted.masters);
  if (before.masters > 1 && wanted.portOffset !== before.portOffset)
    throw fixed('PORTS_FIXED', `ZooKeepers at port offset ${before.portOffset}`, '--port-offset', wanted.portOffset);
  return wanted;
}

/** Which of what is asked for a running cluster has otherwise, in words. */
export function unlike(running: ClusterFile, asked: Partial<Shape>): readonly string[] {
  const shape = shapeOf(running);
  return (Object.keys(asked) as (keyof Shape)[])
    .filter((key) => asked[key] !== shape[key])
    .map((key) => `${key} ${shape[key]}`);
}
