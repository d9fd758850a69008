import { describe, expect, it } from 'vitest';
import { Resources } from '../resources/index.js';
import { Allocator, type FrameworkSpec, type RoleExplanation } from './index.js';

const quantities = (text: string) => Resources.parse(text).quantities();

/** An allocator in which F wants offers in the role `a`, and one agent S with `text`. */
function cluster(text: string, spec: Partial<FrameworkSpec> = {}): Allocator {
  const allocator = new Allocator();
  allocator.addFramework('F', { roles: ['a'], ...spec });
  allocator.addAgent('S', { total: Resources.parse(text) });
  return allocator;
}

const explained = (allocator: Allocator): RoleExplanation => allocator.explain('F')![0]!;
const reasons = (allocator: Allocator): string[] => explained(allocator).agents.map(({ reason }) => reason);

describe('what stands between a framework and an agent', () => {
  it('nothing, before the run that grants it; nothing is left after it', () => {
    const allocator = cluster('cpus:4;mem:1024');
    expect(reasons(allocator)).toEqual(['FREE']);
    allocator.allocate(0);
    expect(reasons(allocator)).toEqual(['NOTHING_FREE']);
  });

  it('an agent that is out of use, with GPUs, or of another region', () => {
    const allocator = cluster('cpus:4;gpus:1');
    expect(reasons(allocator)).toEqual(['GPUS']);
    allocator.deactivateAgent('S');
    expect(reasons(allocator)).toEqual(['INACTIVE']);
    allocator.addAgent('S', { total: Resources.parse('cpus:4'), isRemote: true });
    expect(reasons(allocator)).toEqual(['REGION']);
  });

  it('too little, other reservations, capabilities that are missing', () => {
    expect(reasons(cluster('cpus:0.001;mem:1'))).toEqual(['TOO_LITTLE']);
    expect(reasons(cluster('cpus(b):4;mem:1'))).toEqual(['RESERVED']);
    const allocator = cluster('mem:1');
    const revocable = { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 4 }, revocable: {} };
    allocator.updateAgent('S', { total: Resources.of([revocable]) });
    expect(reasons(allocator)).toEqual(['CAPABILITIES']);
    const own = { minAllocatable: new Map([['a', [quantities('cpus:8')]]]) };
    expect(reasons(cluster('cpus:4', own))).toEqual(['TOO_LITTLE']);
  });

  it('a limit that is reached, told from guarantees of others', () => {
    const allocator = cluster('cpus:4;mem:1024');
    const nothing = new Map([
      ['cpus', 0],
      ['mem', 0],
    ]);
    allocator.setQuota('a', { limit: nothing });
    expect(reasons(allocator)).toEqual(['QUOTA_LIMIT']);
    expect(explained(allocator).quota).toEqual([
      { role: 'a', guarantee: new Map(), limit: nothing, consumed: new Map() },
    ]);
    allocator.setQuota('a', {});
    allocator.setQuota('b', { guarantee: quantities('cpus:4;mem:1024') });
    allocator.allocate(0);
    expect(reasons(allocator)).toEqual(['GUARANTEES']);
  });

  it('a refusal, until it ends', () => {
    const allocator = cluster('cpus:4');
    const [grant] = allocator.allocate(0);
    allocator.recoverResources('F', 'S', grant!.resources, { atMs: 1000, refuseSeconds: 60 });
    allocator.allocate(1000);
    expect(explained(allocator).agents).toEqual([{ agentId: 'S', reason: 'REFUSED', untilMs: 61_000 }]);
    allocator.revive('F');
    expect(reasons(allocator)).toEqual(['FREE']);
  });

  it('offer constraints', () => {
    expect(reasons(cluster('cpus:4', { accepts: () => false }))).toEqual(['CONSTRAINTS']);
  });
});

describe('the rest of an explanation', () => {
  it('says where the framework stands, and who comes first, at each level with competition', () => {
    const allocator = cluster('cpus:4;mem:1024', { roles: ['a/x'] });
    allocator.allocate(0);
    allocator.addFramework('G', { roles: ['b'] });
    allocator.setWeights(new Map([['a', 2]]));
    expect(explained(allocator).shares).toEqual([
      { name: 'a', share: 0.5, weight: 2, place: 2, of: 2, first: { name: 'b', share: 0 } },
    ]);
  });

  it('says what is free in sum, and the largest piece', () => {
    const allocator = cluster('cpus:4', { suppressedRoles: ['a'] });
    allocator.addAgent('S2', { total: Resources.parse('cpus:1;mem:64') });
    const { isSuppressed, free, largest } = explained(allocator);
    expect(isSuppressed).toBe(true);
    expect([free, largest]).toEqual([quantities('cpus:5;mem:64'), quantities('cpus:4;mem:64')]);
  });

  it('is not there for frameworks that nobody knows', () => {
    expect(new Allocator().explain('F')).toBeUndefined();
  });
});
