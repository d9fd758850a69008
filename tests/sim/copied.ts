/** What another process has of a message: `structuredClone` of JSON and maps, in a fraction of its time. */
export function copied<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => copied(item)) as T;
  if (value instanceof Map)
    return new Map(Array.from(value, ([key, item]) => [key as unknown, copied(item as unknown)])) as T;
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) copy[key] = copied((value as Record<string, unknown>)[key]);
  return copy as T;
}
