import { MezzoError } from '@mezzo/sdk/contract';
import { ACTIONS, type Action } from '@mezzo/sdk/points/authorizer';
import { operatorJson } from '../operator-json.js';

/** Some names, anything, or nothing. */
export type Entity = 'ANY' | 'NONE' | ReadonlySet<string>;

export interface Acl {
  readonly principals: Entity;
  readonly objects: Entity;
}

/** Per action in the order in which they are tried: the first that matches decides. */
export interface Acls {
  /** What is true of requests that no rule matches. */
  readonly permissive: boolean;
  readonly rules: ReadonlyMap<Action, readonly Acl[]>;
}

/** Objects that have no names: a rule about some of them would never do what it says. */
const NAMELESS: ReadonlySet<string> = new Set([
  'logs',
  'flags',
  'level',
  'agents',
  'machines',
  'resource_providers',
  'images',
]);

/** Where `get_endpoints` is asked. */
export const AUTHORIZED_PATHS: ReadonlySet<string> = new Set([
  ...['/containers', '/files/debug', '/logging/toggle', '/metrics/snapshot'],
  ...['/monitor/statistics', '/monitor/statistics.json'],
]);

/**
 * Mesos' form: `{"permissive": false, "run_tasks": [{"principals": {"values": ["a"]}, "users": {"type": "ANY"}}]}`. Throws INVALID_ACLS,
 * which names the place; a name that is not known is refused too, for a rule that is not heeded is a hole.
 */
export function parseAcls(text: string): Acls {
  const json = objectOf(parsed(text), 'the ACLs');
  const { permissive = true, ...lists } = json;
  if (typeof permissive !== 'boolean') throw invalid('"permissive" must be true or false');
  const rules = Object.entries(lists).map(([name, list]): [Action, Acl[]] => {
    if (!Object.hasOwn(ACTIONS, name)) throw invalid(`there is no action "${name}"`);
    if (!Array.isArray(list)) throw invalid(`"${name}" must be a list`);
    return [name as Action, list.map((rule, i) => aclOf(name as Action, rule, `${name}[${i}]`))];
  });
  return { permissive, rules: new Map(rules) };
}

function aclOf(action: Action, rule: unknown, where: string): Acl {
  const objects = ACTIONS[action];
  const fields = objectOf(rule, where);
  const stray = Object.keys(fields).find((key) => key !== 'principals' && key !== objects);
  if (stray !== undefined) throw invalid(`${where} has "principals" and "${objects}", not "${stray}"`);
  const acl = {
    principals: entityOf(fields['principals'], `${where}.principals`),
    objects: entityOf(fields[objects], `${where}.${objects}`),
  };
  if (typeof acl.objects === 'string') return acl;
  if (NAMELESS.has(objects)) throw invalid(`${where}.${objects} must be of type ANY or NONE`);
  const path = objects === 'paths' ? [...acl.objects].find((one) => !AUTHORIZED_PATHS.has(one)) : undefined;
  if (path !== undefined) throw invalid(`${where}.paths: '${path}' is none of ${[...AUTHORIZED_PATHS].join(', ')}`);
  return acl;
}

function entityOf(value: unknown, where: string): Entity {
  const { type = 'SOME', values = [], ...more } = objectOf(value, where);
  const [stray] = Object.keys(more);
  if (stray !== undefined) throw invalid(`${where} has "type" and "values", not "${stray}"`);
  if (type === 'ANY' || type === 'NONE') return type;
  if (type !== 'SOME') throw invalid(`${where}.type must be SOME, ANY or NONE`);
  if (!Array.isArray(values) || values.length === 0 || values.some((one) => typeof one !== 'string'))
    throw invalid(`${where}.values must be a list of texts that is not empty`);
  return new Set(values as string[]);
}

const invalid = (why: string): MezzoError =>
  new MezzoError('INVALID_ACLS', `the ACLs cannot be used: ${why}`, {
    blame: 'operator',
    next: 'write {"<action>": [{"principals": {"values": ["name"]}, "<objects>": {"type": "ANY"}}]}',
  });

const { parsed, objectOf } = operatorJson(invalid);
