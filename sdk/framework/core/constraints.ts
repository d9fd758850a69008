import { compilePattern, patternError, type Pattern } from '../../contract/pattern.js';
import { fieldValue, type AgentFacts } from './agent-facts.js';

/**
 * What an agent must be like, in the field's words. `field`: `hostname`, `@region`, `@zone` or an attribute's name. Operators: `IS` value,
 * `LIKE` and `UNLIKE` pattern, `UNIQUE` (no two with the same), `MAX_PER` n (at most n with the same), `CLUSTER` (all with the same),
 * `GROUP_BY` (evenly).
 */
export type Constraint = readonly [field: string, operator: string, value?: string];

export const CONSTRAINT_OPERATORS = ['UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'UNLIKE', 'MAX_PER', 'IS'] as const;
type Operator = (typeof CONSTRAINT_OPERATORS)[number];

const IS_VALUE = /^[a-zA-Z0-9_/.-]*$/;

/** What is wrong with a constraint, or undefined. */
export function constraintProblem([field, operator, value]: Constraint): string | undefined {
  if (field === '') return 'The field of a constraint must not be empty';
  switch (operator as Operator) {
    case 'UNIQUE':
      return value === undefined ? undefined : 'UNIQUE takes no value';
    case 'CLUSTER':
      return undefined;
    case 'GROUP_BY':
      return value === undefined || isCount(value) ? undefined : 'The value of GROUP_BY must be a whole number above 0';
    case 'MAX_PER':
      return value !== undefined && isCount(value) ? undefined : 'MAX_PER needs a whole number above 0 as its value';
    case 'IS':
      return value !== undefined && IS_VALUE.test(value)
        ? undefined
        : 'IS needs a value of letters, digits and the characters _ / . -';
    case 'LIKE':
    case 'UNLIKE':
      return value === undefined ? `${operator} needs a regular expression as its value` : patternProblem(value);
    default:
      return `Operator must be one of ${CONSTRAINT_OPERATORS.join(', ')}`;
  }
}

const isCount = (text: string): boolean => /^[1-9][0-9]{0,8}$/.test(text);

function patternProblem(pattern: string): string | undefined {
  const error = patternError(pattern);
  return error && `Not a valid regular expression: ${error}`;
}

/** Made once: every offer is held against it. */
const patterns = new WeakMap<Constraint, Pattern>();

function patternOf(constraint: Constraint): Pattern {
  const known = patterns.get(constraint) ?? compilePattern(constraint[2] ?? '');
  patterns.set(constraint, known);
  return known;
}

/**
 * Whether one more task may land on `here`, next to those in `placed`.
 *
 * GROUP_BY n, as documented: a value that has no task yet is fine; a used one only once n values are used, and only if
 * none has fewer tasks. `rivals` are the values that could be had now: a used value also yields to an unused rival, which
 * keeps the spread even when offers of several groups arrive together. Without rivals the plain rule holds.
 */
export function satisfies(
  constraint: Constraint,
  here: AgentFacts,
  placed: readonly AgentFacts[],
  rivals?: readonly AgentFacts[],
): boolean {
  const [field, operator, value] = constraint;
  const mine = fieldValue(here, field);
  if (mine === undefined) return operator === 'UNLIKE';
  switch (operator as Operator) {
    case 'UNIQUE':
      return placed.every((other) => fieldValue(other, field) !== mine);
    case 'CLUSTER': {
      const first = placed[0];
      return mine === ((value || undefined) ?? (first === undefined ? mine : fieldValue(first, field)));
    }
    case 'LIKE':
      return patternOf(constraint).matches(mine);
    case 'UNLIKE':
      return !patternOf(constraint).matches(mine);
    case 'IS':
      return mine === value || (isNumber(mine) && isNumber(value) && Number(mine) === Number(value));
    case 'MAX_PER':
      return (count(field, placed).get(mine) ?? 0) < Number(value);
    case 'GROUP_BY':
      return groupHasRoom(count(field, placed), mine, Number(value ?? 0), field, rivals);
    default:
      return false;
  }
}

function groupHasRoom(
  sizes: ReadonlyMap<string, number>,
  mine: string,
  minimumGroups: number,
  field: string,
  rivals: readonly AgentFacts[] | undefined,
): boolean {
  const own = sizes.get(mine);
  if (own === undefined) return true;
  if (sizes.size < minimumGroups) return false;
  for (const size of sizes.values()) if (size < own) return false;
  return !rivals?.some((rival) => {
    const value = fieldValue(rival, field);
    return value !== undefined && !sizes.has(value);
  });
}

function count(field: string, placed: readonly AgentFacts[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const facts of placed) {
    const value = fieldValue(facts, field);
    if (value !== undefined) sizes.set(value, (sizes.get(value) ?? 0) + 1);
  }
  return sizes;
}

const isNumber = (text: string | undefined): text is string => text !== undefined && /^-?[0-9]+(\.[0-9]+)?$/.test(text);
