const MAX_ID_LENGTH = 255;

/** Why a text cannot be an id: ids become file names. Undefined when it can. */
export function idError(id: string): string | undefined {
  if (id === '') return 'ID must not be empty';
  if (id.length > MAX_ID_LENGTH) return `ID must not be greater than ${MAX_ID_LENGTH} characters`;
  if (id === '.' || id === '..') return `'${id}' is disallowed`;
  return /[/\\\u0000-\u001f\u007f]/.test(id) ? `'${id}' contains invalid characters` : undefined;
}

const UNKNOWN_BEFORE_PARTITION_AWARE = new Set([
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
]);
export const isPartitionState = (state: string): boolean => UNKNOWN_BEFORE_PARTITION_AWARE.has(state);

/** The first item that was there before. */
export function firstRepeated(items: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return items.find((item) => seen.size === seen.add(item).size);
}
