import type {
  AgentInfo,
  SchedulerAttributeConstraint,
  SchedulerAttributeConstraintPredicate,
  SchedulerOfferConstraints,
} from '@mezzo/sdk/api';

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
  // JavaScript's expressions may take for ever on a text that was made for it, and the master has one thread.
  if (predicate.textMatches !== undefined || predicate.textNotMatches !== undefined)
    return "'text_matches' and 'text_not_matches' are not supported yet: list the texts with 'text_equals'";
  return Object.values(predicate).some((one) => one !== undefined) ? undefined : 'Unknown predicate type';
}

export function mayOffer(constraints: SchedulerOfferConstraints | undefined, role: string, agent: AgentInfo): boolean {
  const groups = constraints?.roleConstraints?.[role]?.groups;
  const holds = ({ selector, predicate }: SchedulerAttributeConstraint) => test(predicate, find(selector, agent));
  return groups?.some(({ attributeConstraints }) => attributeConstraints!.every(holds)) ?? true;
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
function test(predicate: SchedulerAttributeConstraintPredicate, found: Found): boolean {
  const { exists, notExists, textEquals, textNotEquals } = predicate;
  if (exists !== undefined) return found !== undefined;
  if (notExists !== undefined) return found === undefined;
  if (textEquals !== undefined) return found === true || found === textEquals.value;
  return found === true || found !== textNotEquals?.value;
}
