import type { Resource } from '@mezzo/sdk/api';
import { describe, expect, it } from 'vitest';
import { Resources } from '../resources/index.js';
import { Allocator, type AllocatorOptions, type Grant } from './index.js';

const NODE = Resources.parse('cpus:4;mem:1024;ports:[31000-31009]');
const quantities = (text: string) => Resources.parse(text).quantities();

/** An allocator with `agents` alike, and one framework for each entry of `frameworks`, all in the role given. */
function cluster(agents: number, frameworks: Record<string, string>, options?: AllocatorOptions): Allocator {
  const allocator = new Allocator(options);
  for (const [id, role] of Object.entries(frameworks)) allocator.addFramework(id, { roles: [role] });
  for (let i = 0; i < agents; i++) allocator.addAgent(`S${i}`, { total: NODE });
  return allocator;
}

const text = (grants: readonly Grant[]) =>
  grants.map((g) => `${g.frameworkId} ${g.agentId} ${g.resources.unallocate()}`);
const count = (grants: readonly Grant[], frameworkId: string) =>
  grants.filter((grant) => grant.frameworkId === frameworkId).length;
const giveBack = (allocator: Allocator, grants: readonly Grant[], atMs?: number, refuseSeconds?: number) => {
  const refusal = atMs === undefined ? undefined : { atMs, ...(refuseSeconds !== undefined && { refuseSeconds }) };
  for (const { frameworkId, agentId, resources } of grants) {
    allocator.recoverResources(frameworkId, agentId, resources, refusal);
  }
};

describe('fairness', () => {
  it('equal frameworks get equal numbers of equal agents', () => {
    const grants = cluster(12, { F1: 'a', F2: 'a', F3: 'b' }).allocate(0);
    expect(count(grants, 'F1') + count(grants, 'F2')).toBe(6);
    expect(count(grants, 'F1')).toBe(3);
    expect(count(grants, 'F3')).toBe(6);
  });

  it('a role of twice the weight gets twice as much', () => {
    const allocator = cluster(12, { F1: 'a', F2: 'b' });
    allocator.setWeights(new Map([['a', 2]]));
    expect(count(allocator.allocate(0), 'F1')).toBe(8);
  });

  it('a role shares with its siblings, and what it gets with its children', () => {
    const grants = cluster(12, { F1: 'a/x', F2: 'a/y', F3: 'b', F4: 'a' }).allocate(0);
    expect(['F1', 'F2', 'F3', 'F4'].map((id) => count(grants, id))).toEqual([2, 2, 6, 2]);
  });

  it('the dominant resource decides, and scalars that are left out do not', () => {
    const used = (frameworkId: string, what: string) => ({
      ...{ frameworkId, role: 'a', resources: Resources.parse(what) },
    });
    const grantee = (options: AllocatorOptions) => {
      const allocator = cluster(0, { F1: 'a', F2: 'a' }, options);
      allocator.addAgent('S0', { total: NODE, used: [used('F1', 'cpus:1;mem:600'), used('F2', 'cpus:2;mem:200')] });
      return allocator.allocate(0)[0]?.frameworkId;
    };
    expect(grantee({})).toBe('F2');
    expect(grantee({ fairSharingExcluded: ['mem'] })).toBe('F1');
  });

  it('the same seed and events give the same grants', () => {
    const run = (seed: number) => text(cluster(20, { F1: 'a', F2: 'b' }, { seed }).allocate(0));
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
  });
});

describe('refusals', () => {
  it('hide what was refused from that framework alone, until they end', () => {
    const allocator = cluster(1, { F1: 'a', F2: 'a' });
    const first = allocator.allocate(0);
    giveBack(allocator, first, 0);
    expect(allocator.nextExpiryMs()).toBe(5000);
    const second = allocator.allocate(0);
    expect(second[0]?.frameworkId).not.toBe(first[0]?.frameworkId);
    giveBack(allocator, second, 1000, 60);
    expect(allocator.allocate(4999)).toEqual([]);
    expect(text(allocator.allocate(5000))).toEqual(text(first));
  });

  it('do not hide more than what was refused', () => {
    const allocator = cluster(1, { F1: 'a' });
    const [grant] = allocator.allocate(0);
    const part = Resources.parse('cpus:1;mem:64').allocate('a');
    allocator.recoverResources('F1', 'S0', part, { atMs: 0, refuseSeconds: 60 });
    expect(allocator.allocate(0)).toEqual([]);
    allocator.recoverResources('F1', 'S0', grant!.resources.subtract(part));
    expect(text(allocator.allocate(0))).toEqual([`F1 S0 ${NODE}`]);
  });

  it.each([
    [undefined, 5000],
    [-1, 5000],
    [NaN, 5000],
    [0, 100],
    [0.01, 100],
    [7, 7000],
    [Infinity, 365 * 86_400_000],
  ])('of %s seconds last %s ms', (seconds, ms) => {
    const allocator = cluster(1, { F1: 'a' });
    giveBack(allocator, allocator.allocate(0), 0, seconds);
    expect(allocator.nextExpiryMs()).toBe(ms);
  });

  it('end with a revival, and with a change of the agent', () => {
    const allocator = cluster(1, { F1: 'a' });
    giveBack(allocator, allocator.allocate(0), 0, 60);
    expect(allocator.allocate(0)).toEqual([]);
    allocator.revive('F1');
    const again = allocator.allocate(0);
    expect(again).toHaveLength(1);
    giveBack(allocator, again, 0, 60);
    allocator.updateAgent('S0', { total: NODE });
    expect(allocator.allocate(0)).toHaveLength(1);
    expect(allocator.nextExpiryMs()).toBeUndefined();
  });
});

describe('who gets offers', () => {
  it('what is free is offered once, and what is freed at the next run', () => {
    const allocator = cluster(2, { F1: 'a' });
    const grants = allocator.allocate(0);
    expect(grants).toHaveLength(2);
    expect(allocator.isIdle && allocator.allocate(0)).toEqual([]);
    giveBack(allocator, grants.slice(0, 1));
    expect(text(allocator.allocate(0))).toEqual(text(grants.slice(0, 1)));
  });

  it('nobody who suppressed or is inactive, until revived or active', () => {
    const allocator = cluster(1, { F1: 'a', F2: 'a' });
    allocator.suppress('F1');
    allocator.deactivateFramework('F2');
    expect(allocator.allocate(0)).toEqual([]);
    allocator.revive('F1', ['b']);
    expect(allocator.allocate(0)).toEqual([]);
    allocator.activateFramework('F2');
    expect(allocator.allocate(0)[0]?.frameworkId).toBe('F2');
  });

  it('nobody on an inactive agent', () => {
    const allocator = cluster(1, { F1: 'a' });
    allocator.deactivateAgent('S0');
    expect(allocator.allocate(0)).toEqual([]);
    allocator.activateAgent('S0');
    expect(allocator.allocate(0)).toHaveLength(1);
  });

  it('only who can take gpus, other regions, revocable resources, refined reservations', () => {
    const spare: Resource = { name: 'cpus', type: 'SCALAR', scalar: { value: 2 }, revocable: {} };
    const refined: Resource = {
      ...{ name: 'mem', type: 'SCALAR', scalar: { value: 64 } },
      reservations: [
        { type: 'STATIC', role: 'a' },
        { type: 'DYNAMIC', role: 'a/x' },
      ],
    };
    const total = Resources.parse('cpus:1;gpus:1').add(Resources.of([spare, refined]));
    const offered = (...capabilities: string[]) => {
      const allocator = new Allocator();
      allocator.addAgent('S0', { total, isRemote: true });
      allocator.addFramework('F1', { roles: ['a/x'], capabilities: new Set(capabilities) });
      return allocator.allocate(0)[0]?.resources.unallocate().toString();
    };
    expect(offered('GPU_RESOURCES')).toBeUndefined();
    expect(offered('REGION_AWARE')).toBeUndefined();
    expect(offered('GPU_RESOURCES', 'REGION_AWARE')).toBe('cpus:1; gpus:1');
    expect(offered('GPU_RESOURCES', 'REGION_AWARE', 'REVOCABLE_RESOURCES', 'RESERVATION_REFINEMENT')).toBe(
      total.toString(),
    );
  });

  it('only agents that the constraints of the framework accept', () => {
    const allocator = cluster(3, {});
    allocator.addFramework('F1', { roles: ['a'], accepts: (_role, agentId) => agentId === 'S1' });
    expect(allocator.allocate(0).map(({ agentId }) => agentId)).toEqual(['S1']);
  });

  it('crumbs are not offered, unless the framework says what is enough', () => {
    const allocator = cluster(0, { F1: 'a' });
    allocator.addAgent('S0', { total: Resources.parse('cpus:0.009;mem:31;disk:100') });
    expect(allocator.allocate(0)).toEqual([]);
    allocator.addFramework('F2', { roles: ['a'], minAllocatable: new Map([['a', [quantities('disk:50')]]]) });
    expect(allocator.allocate(0)[0]?.frameworkId).toBe('F2');
  });

  it('a shared volume goes to one at a time, and comes along again', () => {
    const volume: Resource = {
      ...{ name: 'disk', type: 'SCALAR', scalar: { value: 8 }, shared: {} },
      ...{ disk: { persistence: { id: 'v' } }, reservations: [{ type: 'DYNAMIC', role: 'a' }] },
    };
    const allocator = new Allocator();
    for (const id of ['F1', 'F2']) {
      allocator.addFramework(id, { roles: ['a'], capabilities: new Set(['SHARED_RESOURCES']) });
    }
    allocator.addAgent('S0', { total: NODE.add(Resources.of([volume])) });
    const [first, ...others] = allocator.allocate(0);
    expect(others).toEqual([]);
    expect(first?.resources.scalar('disk')).toBe(8000);
    const cpus = first!.resources.filter(({ name }) => name === 'cpus');
    allocator.recoverResources(first!.frameworkId, 'S0', cpus, { atMs: 0, refuseSeconds: 60 });
    const [second] = allocator.allocate(0);
    expect(second?.resources.scalar('disk')).toBe(8000);
    giveBack(allocator, [second!, { ...first!, resources: first!.resources.subtract(cpus) }]);
    expect(allocator.available('S0')?.equals(NODE.add(Resources.of([volume])))).toBe(true);
  });
});

describe('books', () => {
  it('what is used is not offered, even by frameworks that come later', () => {
    const allocator = new Allocator();
    const used = [{ frameworkId: 'F1', role: 'a', resources: Resources.parse('cpus:3;mem:1000') }];
    allocator.addAgent('S0', { total: NODE, used });
    allocator.addFramework('F2', { roles: ['a'] });
    expect(text(allocator.allocate(0))).toEqual(['F2 S0 cpus:1; mem:24; ports:[31000-31009]']);
    allocator.addFramework('F1', { roles: ['a'] });
    allocator.recoverResources('F1', 'S0', used[0]!.resources.allocate('a'));
    expect(text(allocator.allocate(0))).toEqual(['F1 S0 cpus:3; mem:1000']);
  });

  it('an agent that shrinks below what is held offers nothing until enough is back', () => {
    const allocator = cluster(1, { F1: 'a' });
    allocator.allocate(0);
    allocator.updateAgent('S0', { total: Resources.parse('cpus:2;mem:64') });
    allocator.recoverResources('F1', 'S0', Resources.parse('cpus:1').allocate('a'));
    expect(allocator.allocate(0)).toEqual([]);
    allocator.recoverResources('F1', 'S0', Resources.parse('cpus:2').allocate('a'));
    expect(text(allocator.allocate(0))).toEqual(['F1 S0 cpus:1']);
  });

  it('a framework that leaves frees all it had; an agent that leaves takes it along', () => {
    const allocator = cluster(2, { F1: 'a' });
    const grants = allocator.allocate(0);
    allocator.removeAgent('S0');
    giveBack(
      allocator,
      grants.filter(({ agentId }) => agentId === 'S0'),
    );
    allocator.removeFramework('F1');
    giveBack(allocator, grants);
    allocator.addFramework('F2', { roles: ['a'] });
    expect(text(allocator.allocate(0))).toEqual([`F2 S1 ${NODE}`]);
  });

  it('leaving a role keeps what is held in it', () => {
    const allocator = cluster(1, { F1: 'a' });
    const grants = allocator.allocate(0);
    allocator.updateFramework('F1', { roles: ['b'] });
    expect(allocator.allocations('S0').map(({ role }) => role)).toEqual(['a']);
    giveBack(allocator, grants);
    expect(allocator.allocate(0).map(({ role }) => role)).toEqual(['b']);
  });

  it('operations turn what is held, or what is free, into something else', () => {
    const allocator = cluster(1, { F1: 'a', F2: 'b' });
    const [grant] = allocator.allocate(0);
    const reserved = Resources.of([{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, role: 'a', reservation: {} }]);
    const plain = Resources.parse('cpus:1');
    allocator.updateAllocation(grant!.frameworkId, grant!.role, 'S0', plain.allocate(grant!.role), reserved);
    const now = grant!.resources.unallocate().subtract(plain).add(reserved);
    expect(allocator.allocations('S0')[0]?.resources.unallocate().equals(now)).toBe(true);
    expect(allocator.updateAvailable('S0', plain, reserved)).toBe(false);
    allocator.recoverResources(grant!.frameworkId, 'S0', now.allocate(grant!.role));
    expect(allocator.updateAvailable('S0', plain, reserved)).toBe(true);
    const byRole = new Map(allocator.allocate(0).map(({ role, resources }) => [role, resources.scalar('cpus')]));
    expect((byRole.get('a') ?? 0) + (byRole.get('b') ?? 0)).toBe(4000);
    expect(byRole.get('a')).toBeGreaterThanOrEqual(2000);
  });

  it('giving back what is not held is a bug', () => {
    const allocator = cluster(1, { F1: 'a' });
    allocator.allocate(0);
    const more = Resources.parse('cpus:5').allocate('a');
    expect(() => allocator.recoverResources('F1', 'S0', more)).toThrow('does not hold cpus:5');
  });
});

describe('quota', () => {
  it('a limit is never passed, and what others free is not lost', () => {
    const allocator = cluster(4, { F1: 'a', F2: 'a/x' });
    allocator.setQuota('a', { limit: quantities('cpus:6') });
    const grants = allocator.allocate(0);
    const cpus = (list: readonly Grant[]) => list.reduce((sum, { resources }) => sum + resources.scalar('cpus'), 0);
    expect(cpus(grants)).toBe(6000);
    expect(Object.fromEntries(allocator.quotaConsumption('a'))).toMatchObject({ cpus: 6000 });
    const [first] = grants;
    giveBack(allocator, [first!], 0, 60);
    expect(cpus(allocator.allocate(0))).toBe(first!.resources.scalar('cpus'));
  });

  it('a guarantee is kept free for a role without frameworks, and given up with the quota', () => {
    const allocator = cluster(2, { F1: 'a' });
    allocator.setQuota('b', { guarantee: quantities('cpus:6;mem:1024') });
    const cpus = (list: readonly Grant[]) => list.reduce((sum, { resources }) => sum + resources.scalar('cpus'), 0);
    expect(cpus(allocator.allocate(0))).toBe(2000);
    allocator.addFramework('F2', { roles: ['b'] });
    const toB = allocator.allocate(0);
    expect(toB.map(({ frameworkId }) => frameworkId)).toEqual(['F2', 'F2']);
    expect(cpus(toB)).toBe(6000);
    allocator.removeFramework('F2');
    expect(allocator.allocate(0)).toEqual([]);
    allocator.setQuota('b', {});
    expect(cpus(allocator.allocate(0))).toBe(6000);
  });

  it('reservations count as consumed', () => {
    const allocator = new Allocator();
    allocator.addAgent('S0', { total: Resources.parse('cpus(a):3;cpus:4;mem:64') });
    allocator.setQuota('a', { limit: quantities('cpus:4') });
    allocator.addFramework('F1', { roles: ['a'] });
    expect(allocator.allocate(0)[0]?.resources.scalar('cpus')).toBe(4000);
  });
});
