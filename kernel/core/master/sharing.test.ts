import type { QuotaConfig, QuotaRequest } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { MasterHarness, resources, task } from '../../../tests/support/master-harness.js';
import { Resources } from '../resources/index.js';
import { quotaStatus, weightInfos } from './sharing.js';

const scalars = (text: string) =>
  Object.fromEntries([...Resources.parse(text).quantities()].map(([name, milli]) => [name, { value: milli / 1000 }]));
const config = (role: string, guarantees?: string, limits?: string): QuotaConfig => ({
  role,
  ...(guarantees !== undefined && { guarantees: scalars(guarantees) }),
  ...(limits !== undefined && { limits: scalars(limits) }),
});
const quota = (master: MasterHarness, quotaConfigs: QuotaConfig[], force = false) =>
  master.operator({ type: 'UPDATE_QUOTA', updateQuota: { quotaConfigs, force } });
const weights = (master: MasterHarness, role: string, weight: number) =>
  master.operator({ type: 'UPDATE_WEIGHTS', updateWeights: { weightInfos: [{ role, weight }] } });

/** Cpus in offers that a framework has now. */
const offeredCpus = (master: MasterHarness, frameworkId: string) =>
  [...master.state.offers.values()]
    .filter((offer) => offer.frameworkId === frameworkId)
    .reduce((sum, { resources: bag }) => sum + bag.scalar('cpus') / 1000, 0);

const writesOf = (master: MasterHarness) =>
  master.effects.flatMap((effect) => (effect.type === 'persist' ? effect.writes : []));

test('what is offered beyond a new limit is rescinded, and no more is offered', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  for (let i = 0; i < 3; i++) master.agent();
  expect(offeredCpus(master, scheduler.id)).toBe(12);
  expect(quota(master, [config('web', undefined, 'cpus:6')])).toEqual(expect.objectContaining({ status: 200 }));
  expect(scheduler.types).toContain('RESCIND');
  expect(offeredCpus(master, scheduler.id)).toBe(6);
  master.agent();
  expect(offeredCpus(master, scheduler.id)).toBe(6);
  quota(master, [config('web')]);
  expect(offeredCpus(master, scheduler.id)).toBe(16);
});

test('what runs stays when a limit is forced below it', () => {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!, 'cpus:3;mem:128'));
  expect(quota(master, [config('web', undefined, 'cpus:2')])).toMatchObject({
    status: 400,
    text: "Invalid QuotaConfig: Role 'web' is already consuming 'cpus:3; mem:128'; this is more than the requested limits 'cpus:2' (use 'force' flag to bypass this check)",
  });
  expect(master.state.quotas.size).toBe(0);
  expect(quota(master, [config('web', undefined, 'cpus:2')], true).status).toBe(200);
  expect(scheduler.updates).toEqual([]);
  expect(offeredCpus(master, scheduler.id)).toBe(0);
});

test('for a guarantee that is unmet offers of others are taken back', () => {
  const master = new MasterHarness();
  const greedy = master.scheduler();
  for (let i = 0; i < 3; i++) master.agent();
  expect(quota(master, [config('ads', 'cpus:5;mem:256')]).status).toBe(200);
  expect(offeredCpus(master, greedy.id)).toBeLessThanOrEqual(7);
  const owner = master.scheduler({ roles: ['ads'] });
  expect(offeredCpus(master, owner.id)).toBeGreaterThanOrEqual(5);
});

test.each<[QuotaConfig[], string]>([
  [[config('web/child', undefined, 'cpus:1')], "Updating quota on nested role 'web/child' is not supported yet"],
  [
    [config('-x')],
    "Invalid QuotaConfig: Invalid 'QuotaConfig.role': Role '-x' has a component that starts with a dash",
  ],
  [
    [config('web', 'cpus:3', 'cpus:2')],
    "Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 3 } is not contained within the 'QuotaConfig.limits' { cpus: 2 }",
  ],
  [
    [config('web'), { role: 'ads', limits: { cpus: { value: -1 } } }],
    "Invalid QuotaConfig: Invalid limit configuration {'cpus': -1}: it must be a number of 0 or more",
  ],
  [
    [{ role: 'web', limits: { cpus: { value: NaN } } }],
    "Invalid QuotaConfig: Invalid limit configuration {'cpus': NaN}: it must be a number of 0 or more",
  ],
  [
    [{ role: 'web', guarantees: { mem: { value: 2 ** 41 } } }],
    "Invalid QuotaConfig: Invalid 'QuotaConfig.guarantees': {'mem': 2199023255552} is invalid: values greater than 1 exabyte (1099511627776) are not supported",
  ],
  [
    [config('big', 'cpus:1000'), config('web', 'cpus:1;mem:128')],
    "Invalid QuotaConfig: total quota guarantees 'cpus:1001; mem:128' exceed cluster capacity 'cpus:4; disk:1000; mem:4096' (use 'force' flag to bypass this check)",
  ],
  [[config('web'), config('web')], "Invalid QuotaConfig: role 'web' is there twice"],
])('of a request that is wrong nothing is done, and it is said why: %j', (configs, text) => {
  const master = new MasterHarness();
  master.agent();
  expect(quota(master, configs)).toMatchObject({ status: 400, text });
  expect(quotaStatus(master.state)).toEqual({});
  expect([...master.registry.keys()]).toEqual(['m-S0']);
});

test('with nested quota each level has a limit, and guarantees below are part of those above', () => {
  const master = new MasterHarness({ nestedQuota: true });
  const [x, y] = [master.scheduler({ roles: ['web/x'] }), master.scheduler({ roles: ['web/y'] })];
  for (let i = 0; i < 3; i++) master.agent();
  const text = (configs: QuotaConfig[]) => quota(master, configs).text;
  const own = [config('web', 'cpus:6', 'cpus:8'), config('web/x', 'cpus:3', 'cpus:3')];
  expect(quota(master, own).status).toBe(200);
  expect(offeredCpus(master, x.id)).toBe(3);
  expect(offeredCpus(master, y.id)).toBe(5);
  expect(text([config('web/y', 'cpus:4')])).toBe(
    "Invalid QuotaConfig: guarantees of roles below 'web' sum up to 'cpus:7', more than its own 'cpus:6'",
  );
  expect(text([config('web/y', undefined, 'cpus:9')])).toBe(
    "Invalid QuotaConfig: the limits 'cpus:9' of 'web/y' are more than 'cpus:8' of 'web' above it",
  );
  expect(master.operator({ type: 'REMOVE_QUOTA', removeQuota: { role: 'web' } }).status).toBe(400);
  expect(text([config('ads/a/b', 'cpus:1')])).toMatch(/below 'ads\/a'/);
  expect(quota(master, [config('web'), config('web/x')]).status).toBe(200);
});

test('a master without nested quota ignores what one with it wrote down', () => {
  const record = { quota: config('web/x', undefined, 'cpus:1') };
  const master = new MasterHarness({}, [{ op: 'putRole', id: 'web/x', record }]);
  const scheduler = master.scheduler({ roles: ['web/x'] });
  master.agent();
  expect(offeredCpus(master, scheduler.id)).toBe(4);
  expect(quotaStatus(master.state)).toEqual({});
});

test('roles off the whitelist get neither quota nor weight', () => {
  const master = new MasterHarness({ roles: ['web'] });
  expect(quota(master, [config('ads')])).toMatchObject({
    status: 400,
    text: expect.stringMatching(/'ads'.*whitelist/),
  });
  expect(weights(master, 'ads', 2)).toMatchObject({ status: 400, text: expect.stringMatching(/'ads'.*whitelist/) });
  expect(weights(master, 'web', 2).status).toBe(200);
});

test('weights are for offers to come, and must be positive', () => {
  const master = new MasterHarness();
  const [web, ads] = [master.scheduler(), master.scheduler({ roles: ['ads'] })];
  expect(weights(master, 'web', 0)).toMatchObject({
    status: 400,
    text: "Failed to validate update weights request JSON for role 'web': Invalid weight '0': Weights must be positive",
  });
  expect(weights(master, 'web', 3).status).toBe(200);
  for (let i = 0; i < 12; i++) master.agent();
  expect([offeredCpus(master, web.id), offeredCpus(master, ads.id)]).toEqual([36, 12]);
  expect(weightInfos(master.state)).toEqual([{ role: 'web', weight: 3 }]);
});

test('the older calls set a guarantee that is the limit too, once, and remove it, once', () => {
  const master = new MasterHarness();
  master.agent();
  const set = (quotaRequest: QuotaRequest) => master.operator({ type: 'SET_QUOTA', setQuota: { quotaRequest } });
  const remove = () => master.operator({ type: 'REMOVE_QUOTA', removeQuota: { role: 'web' } });
  const cpus = resources('cpus:2');
  expect(set({ role: 'web', guarantee: resources('cpus:9') }).status).toBe(409);
  expect(set({ guarantee: cpus }).text).toMatch(/must specify a role/);
  expect(set({ role: 'web' }).text).toMatch(/empty 'guarantee'/);
  expect(set({ role: 'web', guarantee: [...cpus, ...cpus] }).text).toMatch(/duplicate resource name 'cpus'/);
  expect(set({ role: 'web', guarantee: resources('ports:[1-2]') }).text).toMatch(/non-scalar/);
  expect(set({ role: 'web', guarantee: cpus }).status).toBe(200);
  expect(quotaStatus(master.state).configs).toEqual([config('web', 'cpus:2', 'cpus:2')]);
  expect(set({ role: 'web', guarantee: cpus }).text).toMatch(/already has quota/);
  expect(remove().status).toBe(200);
  expect(remove()).toMatchObject({ status: 400, text: "Role 'web' has no quota set" });
  expect(quotaStatus(master.state)).toEqual({});
});

test('the next master knows weights and quota, not those that were reset', () => {
  const master = new MasterHarness();
  quota(master, [config('web', undefined, 'cpus:6'), config('ads', undefined, 'cpus:1')]);
  weights(master, 'web', 2.5);
  quota(master, [config('ads')]);
  expect(quotaStatus(master.state).configs).toEqual([config('ads'), config('web', undefined, 'cpus:6')]);
  const next = new MasterHarness({ weights: new Map([['web', 1.5]]) }, [
    ...new Map(writesOf(master).map((write) => [write.id, write])).values(),
  ]);
  expect(quotaStatus(next.state).configs).toEqual([config('web', undefined, 'cpus:6')]);
  expect(weightInfos(next.state)).toEqual([{ role: 'web', weight: 2.5 }]);
});

test('where there is quota, a new master offers nothing until most agents are back, or it takes too long', () => {
  const master = new MasterHarness();
  const agents = Array.from({ length: 5 }, () => master.agent());
  quota(master, [config('ads', 'cpus:1;mem:128')]);
  const after = () => {
    const next = new MasterHarness({}, writesOf(master));
    return { next, scheduler: next.scheduler() };
  };
  const back = (next: MasterHarness, i: number) =>
    next.agent(undefined, {
      agentInfo: { hostname: 'host', port: 5051, id: { value: agents[i]!.id! } },
      address: `10.1.0.${i}:5051`,
    });
  const { next, scheduler } = after();
  for (const i of [0, 1, 2]) back(next, i);
  expect(scheduler.offers).toEqual([]);
  back(next, 3);
  expect(scheduler.offers.length).toBeGreaterThan(0);
  const late = after();
  const only = back(late.next, 0);
  late.next.pass(599_000, [only]);
  expect(late.scheduler.offers).toEqual([]);
  late.next.pass(2000, [only]);
  expect(late.scheduler.offers.length).toBeGreaterThan(0);
});
