import type { Principal } from '@mezzo/sdk/points/authenticator';
import { ACTIONS, type Action, type Approver, type Authorizer } from '@mezzo/sdk/points/authorizer';
import type { Acl, Acls, Entity } from './acls.js';

const MAX_REMEMBERED = 10_000;

/** A rule of a list, or the part of one that speaks of all roles below another. */
interface Rule extends Acl {
  /** `eng/`: all roles that begin so, and no other objects. */
  readonly below?: string;
}

/** Goes by lists of rules, of which the first that matches decides. */
export class LocalAuthorizer implements Authorizer {
  readonly name = 'local';
  private readonly rules: ReadonlyMap<Action, readonly Rule[]>;

  constructor(private readonly acls: Acls) {
    this.rules = new Map(
      [...acls.rules].map(([action, rules]) => [action, ACTIONS[action] === 'roles' ? rules.flatMap(byTree) : rules]),
    );
  }

  approver(principal: Principal | undefined, action: Action): Approver {
    if (principal !== undefined && principal.value === undefined) return () => false;
    const subject = principal?.value;
    const rules = (this.rules.get(action) ?? []).filter(({ principals }) => matches(subject, principals));
    if (rules.length === 0) return () => this.acls.permissive;
    return remembering((object) => {
      const rule = rules.find(({ below, objects }) =>
        below === undefined ? matches(object, objects) : object?.startsWith(below),
      );
      if (rule === undefined) return this.acls.permissive;
      return allows(subject, rule.principals) && (rule.below !== undefined || allows(object, rule.objects));
    });
  }
}

/** Does a rule speak of it? Undefined stands for any: a rule about some does not decide on all. */
const matches = (asked: string | undefined, rule: Entity): boolean =>
  typeof rule === 'string' || (asked !== undefined && rule.has(asked));

const allows = (asked: string | undefined, rule: Entity): boolean =>
  rule === 'ANY' || (rule !== 'NONE' && asked !== undefined && rule.has(asked));

/** `eng/%` stands for all roles below eng, and not for eng itself. */
function byTree(acl: Acl): Rule[] {
  if (typeof acl.objects === 'string') return [acl];
  const isTree = (role: string): boolean => role.endsWith('/%');
  const trees = [...acl.objects].filter(isTree).map((role) => ({ ...acl, below: role.slice(0, -1) }));
  const plain = [...acl.objects].filter((role) => !isTree(role));
  return plain.length > 0 ? [...trees, { ...acl, objects: new Set(plain) }] : trees;
}

/** Lists of tasks ask about few users many times. */
function remembering(decide: Approver): Approver {
  const known = new Map<string | undefined, boolean>();
  return (object) => {
    const before = known.get(object);
    if (before !== undefined) return before;
    const answer = decide(object);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(object, answer);
    return answer;
  };
}
