/**
 * Of a set of texts, in any order: how many, and 64 bits of a hash. Whoever has the same digest has the same set, save for chance;
 * it is no defence against somebody who looks for another set with the same one.
 */
export function digestOf(items: readonly string[]): string {
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (const item of [...items].sort())
    for (let i = 0; i <= item.length; i++) {
      const unit = i < item.length ? item.charCodeAt(i) : 0x10000;
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x85ebca6b);
      b ^= b >>> 15;
    }
  return [items.length, a >>> 0, b >>> 0].map((part) => part.toString(16)).join('-');
}
