import type { QuotaConfig, QuotaRequest, QuotaStatus, Resource, ValueScalar, WeightInfo } from '@mezzo/sdk/api';
import { firm, isWithinRole, quantitiesOf, roleError, Resources, type Quantities } from '../resources/index.js';
import type { RoleRecord } from './effects.js';
import type { RequestId } from './events.js';
import { firstRepeated } from './names.js';
import { dropClaim, rescindOffer } from './offers.js';
import { mayUseRole } from './options.js';
import type { MasterState } from './state.js';
import { log, persist, reply, type Turn } from './turn.js';

/** How roles share: the weights and quota that operators set. Kept in the registry, told to the allocator. */

type Scalars = Readonly<Record<string, ValueScalar>>;

const MAX_MIB = 2 ** 40;
const MAX_OTHER = 10 ** 12;

/** What an earlier master was told wins over flags; quota of nested roles is not for a master without nested quota. */
export function recoverRoles(turn: Turn, roles: ReadonlyMap<string, RoleRecord>): void {
  const { state } = turn;
  for (const [role, { weight, quota, priority }] of roles) {
    if (weight !== undefined) state.weights.set(role, weight);
    if (priority !== undefined) state.priorities.set(role, priority);
    if (quota === undefined) continue;
    if (state.options.nestedQuota || !role.includes('/')) applyQuota(state, quota);
    else log(turn, 'warn', 'quota of a nested role is ignored without --nested_quota', { role });
  }
  state.allocator.setWeights(state.weights);
}

/** For offers to come: what is out stays out. All or nothing. */
export function updateWeights(turn: Turn, request: RequestId, infos: readonly WeightInfo[]): void {
  const { state } = turn;
  const error = infos.map((info) => weightError(state, info)).find((one) => one !== undefined);
  if (error !== undefined) return reply(turn, request, 400, `Failed to validate update weights request JSON${error}`);
  const weights = new Map(infos.map(({ role, weight }) => [role!, weight]));
  for (const [role, weight] of weights) state.weights.set(role, weight);
  state.allocator.setWeights(weights);
  persistRoles(turn, weights.keys());
  log(turn, 'info', 'weights updated', { weights: Object.fromEntries(weights) });
  reply(turn, request, 200);
}

function weightError(state: MasterState, { role = '', weight }: WeightInfo): string | undefined {
  const error = roleError(role) ?? unknownRole(state, role);
  if (error !== undefined) return `: Invalid role '${role}': ${error}`;
  if (weight > 0 && Number.isFinite(weight)) return undefined;
  return ` for role '${role}': Invalid weight '${weight}': Weights must be positive`;
}

export const unknownRole = ({ options }: MasterState, role: string): string | undefined =>
  mayUseRole(options, role) ? undefined : `'${role}' is not on the roles whitelist`;

/** All or nothing. Offers that go beyond a new limit, or that a new guarantee needs, are rescinded. */
export function updateQuota(turn: Turn, request: RequestId, configs: readonly QuotaConfig[], force: boolean): void {
  const error = configs.map((config) => configError(turn.state, config)).find((one) => one !== undefined);
  const refusal =
    error ??
    repeatedRole(configs) ??
    nestingError(turn.state, configs) ??
    (force ? undefined : overcommitError(turn.state, configs));
  if (refusal !== undefined) return reply(turn, request, 400, refusal);
  change(turn, request, configs);
}

const repeatedRole = (configs: readonly QuotaConfig[]): string | undefined => {
  const role = firstRepeated(configs.map((config) => config.role));
  return role === undefined ? undefined : `Invalid QuotaConfig: role '${role}' is there twice`;
};

function change(turn: Turn, request: RequestId, configs: readonly QuotaConfig[]): void {
  for (const config of configs) applyQuota(turn.state, config);
  for (const claim of turn.state.claims.values())
    if (configs.some(({ role }) => isWithinRole(claim.role, role))) dropClaim(turn, claim);
  for (const { role, limits } of configs) rescindBeyond(turn, role, quantitiesOf(limits));
  for (const { role, guarantees } of configs) rescindFor(turn, role, quantitiesOf(guarantees));
  persistRoles(
    turn,
    configs.map(({ role }) => role),
  );
  log(turn, 'info', 'quota updated', { roles: configs.map(({ role }) => role) });
  reply(turn, request, 200);
}

/** The older call: what is guaranteed is the limit too, and a role that has quota is refused. */
export function setQuota(turn: Turn, request: RequestId, wanted: QuotaRequest): void {
  const { state } = turn;
  const config = configOf(wanted);
  const what = 'Failed to validate set quota request: ';
  if (typeof config === 'string') return reply(turn, request, 400, what + config);
  const error = configError(state, config) ?? nestingError(state, [config]);
  if (error !== undefined) return reply(turn, request, 400, what + error);
  if (state.quotas.has(config.role))
    return reply(turn, request, 400, `${what}Cannot set quota for role '${config.role}' which already has quota`);
  const overcommit = wanted.force ? undefined : capacityError(state, [config]);
  if (overcommit === undefined) return change(turn, request, [config]);
  const text = `Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total ${overcommit}`;
  reply(turn, request, 409, text);
}

function configOf({ role, guarantee = [] }: QuotaRequest): QuotaConfig | string {
  if (role === undefined) return 'QuotaInfo must specify a role';
  if (guarantee.length === 0) return "QuotaInfo with empty 'guarantee'";
  const error = guarantee.map(guaranteeError).find((one) => one !== undefined);
  if (error !== undefined) return error;
  const twice = firstRepeated(guarantee.map(({ name }) => name));
  if (twice !== undefined) return `QuotaInfo contains duplicate resource name '${twice}'`;
  const scalars = Object.fromEntries(guarantee.map(({ name, scalar }) => [name, scalar!]));
  return { role, guarantees: scalars, limits: scalars };
}

function guaranteeError({ type, scalar, reservation, reservations, disk, revocable }: Resource): string | undefined {
  if (reservation !== undefined || reservations?.length) return 'QuotaInfo must not contain any ReservationInfo';
  if (disk !== undefined) return 'QuotaInfo must not contain DiskInfo';
  if (revocable !== undefined) return 'QuotaInfo must not contain RevocableInfo';
  return type === 'SCALAR' && scalar !== undefined ? undefined : 'QuotaInfo must not include non-scalar resources';
}

export function removeQuota(turn: Turn, request: RequestId, role: string): void {
  const { state } = turn;
  const error = state.quotas.has(role) ? nestingError(state, [{ role }]) : `Role '${role}' has no quota set`;
  if (error !== undefined) return reply(turn, request, 400, error);
  applyQuota(state, { role });
  state.quotas.delete(role);
  persistRoles(turn, [role]);
  log(turn, 'info', 'quota removed', { role });
  reply(turn, request, 200);
}

/** A quota that was reset stays listed, empty, until the master changes: clients of the field see it so. */
function applyQuota({ quotas, allocator }: MasterState, config: QuotaConfig): void {
  quotas.set(config.role, config);
  allocator.setQuota(config.role, { guarantee: quantitiesOf(config.guarantees), limit: quantitiesOf(config.limits) });
}

export function persistRoles(turn: Turn, roles: Iterable<string>): void {
  const { weights, quotas, priorities } = turn.state;
  for (const role of roles) {
    const [weight, quota, priority] = [weights.get(role), quotas.get(role), priorities.get(role)];
    const record: RoleRecord = {
      ...(weight !== undefined && { weight }),
      ...(quota !== undefined && !isEmpty(quota) && { quota }),
      ...(priority !== undefined && { priority }),
    };
    if (Object.keys(record).length === 0) persist(turn, { op: 'deleteRole', id: role });
    else persist(turn, { op: 'putRole', id: role, record });
  }
}

const isEmpty = ({ guarantees, limits }: QuotaConfig): boolean =>
  Object.keys(guarantees ?? {}).length + Object.keys(limits ?? {}).length === 0;

function configError(state: MasterState, config: QuotaConfig): string | undefined {
  const { role, guarantees = {}, limits = {} } = config;
  const unknown = unknownRole(state, role);
  if (unknown !== undefined) return `Invalid QuotaConfig: ${unknown}`;
  if (role.includes('/') && !state.options.nestedQuota)
    return `Updating quota on nested role '${role}' is not supported yet`;
  const error =
    roleFault(role) ??
    scalarsFault('guarantee', guarantees) ??
    scalarsFault('limit', limits) ??
    containmentFault(guarantees, limits);
  return error === undefined ? undefined : `Invalid QuotaConfig: ${error}`;
}

const roleFault = (role: string): string | undefined => {
  const error = roleError(role);
  return error === undefined ? undefined : `Invalid 'QuotaConfig.role': ${error}`;
};

function scalarsFault(what: 'guarantee' | 'limit', scalars: Scalars): string | undefined {
  for (const [name, { value }] of Object.entries(scalars)) {
    const one = `{'${name}': ${value}}`;
    const [max, words] = name === 'mem' || name === 'disk' ? [MAX_MIB, '1 exabyte'] : [MAX_OTHER, '1 trillion'];
    if (value > max)
      return `Invalid 'QuotaConfig.${what}s': ${one} is invalid: values greater than ${words} (${max}) are not supported`;
    if (!(value >= 0)) return `Invalid ${what} configuration ${one}: it must be a number of 0 or more`;
  }
  return undefined;
}

function containmentFault(guarantees: Scalars, limits: Scalars): string | undefined {
  const beyond = Object.entries(guarantees).some(([name, { value }]) => value > (limits[name]?.value ?? Infinity));
  return beyond
    ? `'QuotaConfig.guarantees' ${printScalars(guarantees)} is not contained within the 'QuotaConfig.limits' ${printScalars(limits)}`
    : undefined;
}

/** With nested quota: guarantees just below a role are part of its own, limits below are within its own. Not to be forced. */
function nestingError({ quotas }: MasterState, configs: readonly QuotaConfig[]): string | undefined {
  const all = new Map([...quotas.values(), ...configs].map((config) => [config.role, config]));
  const parts = new Map<string, QuotaConfig[]>();
  for (const config of all.values()) {
    const above = parentOf(config.role);
    if (above !== undefined && !isEmpty(config)) parts.set(above, [...(parts.get(above) ?? []), config]);
  }
  for (const [role, below] of parts) {
    const { guarantees, limits } = all.get(role) ?? {};
    const [total, has] = [sum(below.map((one) => quantitiesOf(one.guarantees))), quantitiesOf(guarantees)];
    if (missing(total, has, 0).size > 0)
      return `Invalid QuotaConfig: guarantees of roles below '${role}' sum up to '${print(total)}', more than its own '${print(has)}'`;
    const limit = quantitiesOf(limits);
    const wide = below.find((one) => missing(quantitiesOf(one.limits), limit, Infinity).size > 0);
    if (wide)
      return `Invalid QuotaConfig: the limits '${print(quantitiesOf(wide.limits))}' of '${wide.role}' are more than '${print(limit)}' of '${role}' above it`;
  }
  return undefined;
}

function parentOf(role: string): string | undefined {
  const slash = role.lastIndexOf('/');
  return slash < 0 ? undefined : role.slice(0, slash);
}

function overcommitError(state: MasterState, configs: readonly QuotaConfig[]): string | undefined {
  const capacity = capacityError(state, configs);
  const bypass = `(use 'force' flag to bypass this check)`;
  if (capacity !== undefined) return `Invalid QuotaConfig: total ${capacity} ${bypass}`;
  for (const { role, limits } of configs) {
    const [limit, used] = [quantitiesOf(limits), usedBy(state, role)];
    if (missing(used, limit, Infinity).size > 0)
      return `Invalid QuotaConfig: Role '${role}' is already consuming '${print(used)}'; this is more than the requested limits '${print(limit)}' ${bypass}`;
  }
  return undefined;
}

/** Agents that are away for a moment count: they will be back. */
function capacityError({ agents, quotas }: MasterState, configs: readonly QuotaConfig[]): string | undefined {
  const wanted = new Map(
    [...quotas.values(), ...configs].map((config) => [config.role, quantitiesOf(config.guarantees)]),
  );
  // What is guaranteed to roles below others is part of what is to those.
  const total = sum([...wanted].filter(([role]) => !role.includes('/')).map(([, guarantee]) => guarantee));
  const capacity = sum([...agents.values()].map((agent) => firm(agent.total).quantities()));
  return missing(total, capacity, 0).size === 0
    ? undefined
    : `quota guarantees '${print(total)}' exceed cluster capacity '${print(capacity)}'`;
}

/** What counts against a quota without offers and claims, which can be taken back. */
function usedBy(state: MasterState, role: string): Quantities {
  const used = state.allocator.quotaConsumption(role);
  for (const { role: holder, resources } of [...state.offers.values(), ...state.claims.values()]) {
    if (!isWithinRole(holder, role)) continue;
    for (const [name, milli] of bound(resources)) used.set(name, (used.get(name) ?? 0) - milli);
  }
  return used;
}

const bound = (resources: Resources): Quantities => resources.filter((id) => id.isQuotaBound).quantities();

function rescindBeyond(turn: Turn, role: string, limit: Quantities): void {
  const { offers, allocator } = turn.state;
  for (const offer of limit.size > 0 ? offers.values() : []) {
    const beyond = missing(allocator.quotaConsumption(role), limit, Infinity);
    if (beyond.size === 0) return;
    const helps = isWithinRole(offer.role, role) && [...bound(offer.resources).keys()].some((n) => beyond.has(n));
    if (helps) rescindOffer(turn, offer);
  }
}

/** Agent by agent, so that what comes free lies together. */
function rescindFor(turn: Turn, role: string, guarantee: Quantities): void {
  const { agents, allocator } = turn.state;
  const lacks = missing(guarantee, allocator.quotaConsumption(role), 0);
  for (const agent of lacks.size > 0 ? agents.values() : []) {
    for (const offer of agent.offers) {
      if (isWithinRole(offer.role, role)) continue;
      for (const [name, milli] of bound(offer.resources)) lacks.set(name, (lacks.get(name) ?? 0) - milli);
      rescindOffer(turn, offer);
    }
    if ([...lacks.values()].every((milli) => milli <= 0)) return;
  }
}

/** By how much `wanted` is more than `there`, which has `unnamed` of what it does not name. */
function missing(wanted: Quantities, there: Quantities, unnamed: number): Map<string, number> {
  const gaps = [...wanted].map(([name, milli]) => [name, milli - (there.get(name) ?? unnamed)] as const);
  return new Map(gaps.filter(([, milli]) => milli > 0));
}

export function sum(all: Iterable<Quantities>): Map<string, number> {
  const total = new Map<string, number>();
  for (const one of all) for (const [name, milli] of one) total.set(name, (total.get(name) ?? 0) + milli);
  return total;
}

const byName = <T>([a]: readonly [string, T], [b]: readonly [string, T]): number => (a < b ? -1 : 1);

const print = (all: Quantities): string =>
  [...all]
    .filter(([, milli]) => milli !== 0)
    .sort(byName)
    .map(([name, milli]) => `${name}:${milli / 1000}`)
    .join('; ');

const printScalars = (scalars: Scalars): string =>
  `{ ${Object.entries(scalars)
    .map(([name, { value }]) => `${name}: ${value}`)
    .join(', ')} }`;

/** Of roles: may they be shown? */
type Seen = (role: string) => boolean;

export const weightInfos = ({ weights }: MasterState, seen: Seen = () => true): WeightInfo[] =>
  [...weights]
    .filter(([role]) => seen(role))
    .sort(byName)
    .map(([role, weight]) => ({ role, weight }));

/** By role. The `infos` are the older form, of guarantees alone. */
export function quotaStatus({ quotas }: MasterState, seen: Seen = () => true): QuotaStatus {
  const configs = [...quotas]
    .filter(([role]) => seen(role))
    .sort(byName)
    .map(([, config]) => config);
  if (configs.length === 0) return {};
  const infos = configs.map(({ role, guarantees = {} }) => ({
    role,
    guarantee: Object.entries(guarantees).map(([name, scalar]) => ({ name, type: 'SCALAR' as const, scalar })),
  }));
  return { infos, configs };
}
