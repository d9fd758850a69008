import type {
  AgentInfo,
  SchedulerAttributeConstraint,
  SchedulerAttributeConstraintPredicate,
  SchedulerOfferConstraints,
} from '@mezzo/sdk/api';
import { compilePattern, patternError } from '@mezzo/sdk/contract';

/** Which agents a framework wants offers of: by role, one of its groups must hold, and in that every constraint. */

/** What a selector finds on an agent: its text, `true` for an attribute that is no text, undefined when there is none. */
type Found = string | true | undefined;

/** Why constraints cannot be applied. Undefined when they can. */
export function constraintsError(
  constraints: SchedulerOfferConstraints | undefined,
  roles: readonly string[],
): string | undefined {
  for (const [role, { groups = [] }] of Object.entries(constraints?.roleConstraints ?? {})) {
    if (!roles.includes(role))
      return `Offer constraints specify 'role_constraints' for a role '${role}', not contained in the set of roles`;
    if (groups.length === 0)
      return `'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role ${role}`;
    for (const { attributeConstraints = [] } of groups) {
      if (attributeConstraints.length === 0)
        return `'OfferConstraints::RoleConstraints::groups' for role ${role} contains an empty RoleConstraints::Group`;
      const error = attributeConstraints.map(constraintError).find((one) => one !== undefined);
      if (error !== undefined) return `A role ${role} has an invalid 'AttributeConstraint': ${error}`;
    }
  }
  return undefined;
}

function constraintError({ selector, predicate }: SchedulerAttributeConstraint): string | undefined {
  if (selector.attributeName === undefined && selector.pseudoattributeType === undefined)
    return "Exactly one of 'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set";
  if (selector.attributeName === undefined && selector.pseudoattributeType === 'UNKNOWN')
    return 'Unknown pseudoattribute type';
  const regex = predicate.textMatches?.regex ?? predicate.textNotMatches?.regex;
  if (regex !== undefined) {
    const error = patternError(regex);
    return error && `Failed to construct regex from pattern ${error}`;
  }
  return Object.values(predicate).some((one) => one !== undefined) ? undefined : 'Unknown predicate type';
}

/** Whether an agent may be offered in a role. The constraints are without error. */
export function offerFilter(constraints: SchedulerOfferConstraints): (role: string, agent: AgentInfo) => boolean {
  const byRole = new Map(
    Object.entries(constraints.roleConstraints ?? {}).map(([role, { groups = [] }]) => [
      role,
      groups.map(({ attributeConstraints = [] }) => attributeConstraints.map(compile)),
    ]),
  );
  return (role, agent) => byRole.get(role)?.some((group) => group.every((holds) => holds(agent))) ?? true;
}

function compile({ selector, predicate }: SchedulerAttributeConstraint): (agent: AgentInfo) => boolean {
  const holds = testOf(predicate);
  return (agent) => holds(find(selector, agent));
}

function find(
  { attributeName, pseudoattributeType }: SchedulerAttributeConstraint['selector'],
  agent: AgentInfo,
): Found {
  if (attributeName !== undefined) {
    const attribute = agent.attributes?.find(({ name }) => name === attributeName);
    return attribute && (attribute.type === 'TEXT' ? (attribute.text?.value ?? '') : true);
  }
  const domain = agent.domain?.faultDomain;
  switch (pseudoattributeType) {
    case 'HOSTNAME':
      return agent.hostname;
    case 'REGION':
      return domain?.region.name;
    case 'ZONE':
      return domain?.zone.name;
    default:
      return undefined;
  }
}

/** Predicates on texts hold for every attribute that is none. */
function testOf(predicate: SchedulerAttributeConstraintPredicate): (found: Found) => boolean {
  const { exists, notExists, textEquals, textNotEquals, textMatches, textNotMatches } = predicate;
  if (exists !== undefined) return (found) => found !== undefined;
  if (notExists !== undefined) return (found) => found === undefined;
  if (textEquals !== undefined) return (found) => found === true || found === textEquals.value;
  if (textNotEquals !== undefined) return (found) => found === true || found !== textNotEquals.value;
  const pattern = compilePattern(textMatches?.regex ?? textNotMatches?.regex ?? '');
  const isWanted = textMatches !== undefined;
  return (found) => found === true || (found !== undefined && pattern.matches(found)) === isWanted;
}
