import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NaiveAllocator } from '../../../bench/reference/naive-allocator.js';
import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import { Resources } from '../resources/index.js';
import { Allocator, type FrameworkSpec, type Grant, type Quota } from './index.js';

const AGENTS = ['S0', 'S1', 'S2', 'S3'];
const FRAMEWORKS = ['F0', 'F1', 'F2', 'F3'];
const ROLES = ['*', 'a', 'a/x', 'a/y', 'b'];

const agentId = fc.constantFrom(...AGENTS);
const frameworkId = fc.constantFrom(...FRAMEWORKS);
const total = fc
  .constantFrom(
    'cpus:4;mem:1024;ports:[1-9]',
    'cpus:2;mem:64;disk:9;cpus(a):1;mem(a):50',
    'cpus:1;mem:512;cpus(b):1.5',
    'cpus:8;mem:16;gpus:1',
    'cpus:2;mem:2048;cpus(a/x):2',
  )
  .map((text) => Resources.parse(text));
const spec = fc.record({
  roles: fc.uniqueArray(fc.constantFrom(...ROLES), { minLength: 1, maxLength: 3 }),
  suppressedRoles: fc.subarray(ROLES, { maxLength: 1 }),
  capabilities: fc.subarray(['GPU_RESOURCES', 'RESERVATION_REFINEMENT']).map((names) => new Set(names)),
  info: fc.constantFrom('red', 'green', 'blue').map((name) => ({ user: '', name })),
}) satisfies fc.Arbitrary<FrameworkSpec>;
const quantities = (min: number) =>
  fc
    .record({ cpus: fc.integer({ min, max: 9 }), mem: fc.integer({ min, max: 2000 }) }, { requiredKeys: [] })
    .map((amounts) => new Map(Object.entries(amounts).map(([name, value]) => [name, value * 1000])));
/** A limit is never below the guarantee. */
const quota = fc.tuple(quantities(0), quantities(0)).map(([guarantee, beyond]): Quota => ({
  guarantee,
  limit: new Map([...beyond].map(([name, milli]) => [name, milli + (guarantee.get(name) ?? 0)])),
}));
const seconds = fc.constantFrom(0, 1, 5, 60);
/** Which of the grants that are out, and which part of it. */
const pick = fc.nat();

type Both = Allocator | NaiveAllocator;
type Action =
  | {
      readonly type: 'both';
      readonly text: string;
      readonly run: (allocator: Both) => void;
      readonly note?: (quotas: Map<string, Quota>) => void;
    }
  | { readonly type: 'recover'; readonly pick: number; readonly half: boolean; readonly seconds: number | undefined }
  | { readonly type: 'wait'; readonly ms: number }
  /** The next event comes before the next run. */
  | { readonly type: 'hurry' };

const both = <T>(name: string, args: fc.Arbitrary<T>, run: (allocator: Both, args: T) => void): fc.Arbitrary<Action> =>
  args.map((value) => ({
    type: 'both',
    text: `${name} ${fc.stringify(value)}`,
    run: (allocator) => run(allocator, value),
  }));

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: both('addAgent', fc.tuple(agentId, total), (it, [id, all]) =>
      it.addAgent(id, { total: all, info: { hostname: id } }),
    ),
  },
  both('updateAgent', fc.tuple(agentId, total), (it, [id, all]) => it.updateAgent(id, { total: all })),
  both('removeAgent', agentId, (it, id) => it.removeAgent(id)),
  both('activateAgent', agentId, (it, id) => it.activateAgent(id)),
  both('deactivateAgent', agentId, (it, id) => it.deactivateAgent(id)),
  { weight: 4, arbitrary: both('addFramework', fc.tuple(frameworkId, spec), (it, [id, s]) => it.addFramework(id, s)) },
  both('removeFramework', frameworkId, (it, id) => it.removeFramework(id)),
  both('activateFramework', frameworkId, (it, id) => it.activateFramework(id)),
  both('deactivateFramework', frameworkId, (it, id) => it.deactivateFramework(id)),
  both('suppress', frameworkId, (it, id) => it.suppress(id)),
  both('revive', frameworkId, (it, id) => it.revive(id)),
  both('setWeights', fc.tuple(fc.constantFrom(...ROLES), fc.constantFrom(0.5, 2, 3)), (it, pair) =>
    it.setWeights(new Map([pair])),
  ),
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'c', 'a/x', 'a/y'), quota).map(([role, it]): Action => ({
      type: 'both',
      text: `setQuota ${fc.stringify([role, it])}`,
      run: (allocator) => allocator.setQuota(role, it),
      note: (quotas) => void quotas.set(role, it),
    })),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('recover' as const),
      pick,
      half: fc.boolean(),
      seconds: fc.option(seconds, { nil: undefined }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ type: 'hurry' as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(50, 1000, 6000) }) },
);

/** What is out, as the master would know it: gone with its agent or framework. */
class Offers {
  #out: Grant[] = [];

  add(grants: readonly Grant[]): void {
    this.#out.push(...grants);
  }

  forget(text: string): void {
    const [name, id] = [text.split(' ')[0]!, /[SF]\d/.exec(text)?.[0]];
    const [keepsAgent, keepsFramework] = [name !== 'addAgent' && name !== 'removeAgent', name !== 'removeFramework'];
    this.#out = this.#out.filter(
      ({ agentId: a, frameworkId: f }) => (keepsAgent || a !== id) && (keepsFramework || f !== id),
    );
  }

  take(index: number, half: boolean): Grant | undefined {
    const [grant] = this.#out.splice(index % Math.max(1, this.#out.length), 1);
    if (!grant || !half) return grant;
    const part = grant.resources.filter((id) => id.name === 'cpus');
    if (part.isEmpty) return grant;
    const rest = grant.resources.subtract(part);
    if (!rest.isEmpty) this.#out.push({ ...grant, resources: rest });
    return { ...grant, resources: part };
  }
}

const text = (grants: readonly Grant[]) =>
  grants.map((grant) => `${grant.frameworkId} ${grant.role} ${grant.agentId} ${grant.resources}`);

/** What a run should have granted by its own account: what nothing hinders, to whoever wants offers. */
const overlooked = (allocator: Allocator): string[] =>
  FRAMEWORKS.flatMap((id) =>
    (allocator.explain(id) ?? [])
      .filter(({ isActive }) => isActive)
      .flatMap(({ role, agents }) => agents.map(({ agentId, reason }) => `${id} ${role} ${agentId} ${reason}`))
      .filter((line) => line.endsWith(' FREE')),
  );

/** Roles that a run gave more than their limit. What they held before counts, and may be more. */
const beyondLimits = (quotas: ReadonlyMap<string, Quota>, before: Consumption, after: Consumption): string[] =>
  [...quotas].flatMap(([role, { limit = new Map<string, number>() }]) =>
    [...limit.keys()]
      .filter((name) => (after(role).get(name) ?? 0) > Math.max(limit.get(name)!, before(role).get(name) ?? 0))
      .map((name) => `${role} ${name}`),
  );
type Consumption = (role: string) => ReadonlyMap<string, number>;

type Policy = Pick<AllocatorPolicy, 'rank' | 'admits'>;

/** Names count, and memory more than all else. */
const POLICY: Policy = {
  rank: ({ kind, role, framework, weight, dominantShare, shareOf }) =>
    (numberOf(`${kind} ${role} ${framework?.name}`) % 3) / 10 + (shareOf('mem') + dominantShare) / weight,
  admits: ({ name }, role, { hostname }) => numberOf(`${name} ${role} ${hostname}`) % 4 !== 0,
};
const numberOf = (text: string): number => [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 9973, 7);

function run(actions: readonly Action[], nestedQuota: boolean, policy: Policy): void {
  const [fast, naive, offers] = [new Allocator({ nestedQuota }), new NaiveAllocator(nestedQuota, policy), new Offers()];
  fast.usePolicy(policy);
  const quotas = new Map<string, Quota>();
  let atMs = 0;
  for (const [i, each] of actions.entries()) {
    const next = actions[i + 1];
    if (each.type === 'hurry') continue;
    if (each.type === 'wait') atMs += each.ms;
    else if (each.type === 'both') {
      const isRefused = !nestedQuota && /^setQuota \["a\//.test(each.text);
      for (const allocator of isRefused ? [] : [fast, naive]) each.run(allocator);
      if (!isRefused) each.note?.(quotas);
      offers.forget(each.text);
    } else {
      const grant = offers.take(each.pick, each.half);
      const refusal = each.seconds === undefined ? undefined : { atMs, refuseSeconds: each.seconds };
      if (!grant) continue;
      for (const it of [fast, naive]) it.recoverResources(grant.frameworkId, grant.agentId, grant.resources, refusal);
    }
    if (next?.type === 'hurry') continue;
    const before = new Map([...quotas.keys()].map((role) => [role, fast.quotaConsumption(role)]));
    const grants = fast.allocate(atMs);
    const after: Consumption = (role) => fast.quotaConsumption(role);
    expect(beyondLimits(quotas, (role) => before.get(role)!, after)).toEqual([]);
    expect(text(grants)).toEqual(text(naive.allocate(atMs)));
    offers.add(grants);
    expect(fast.isIdle).toBe(true);
    expect(overlooked(fast)).toEqual([]);
  }
}

describe('the incremental allocator', () => {
  it.each([
    ['quota of top-level roles', false, {}],
    ['quota of nested roles', true, {}],
    ['a policy', false, POLICY],
    ['a policy and quota of nested roles', true, POLICY],
  ])('with %s grants exactly what the naive one grants, event after event, within limits', (_, nestedQuota, policy) => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), (actions) => run(actions, nestedQuota, policy)),
      { numRuns: 500 },
    );
  });
});
