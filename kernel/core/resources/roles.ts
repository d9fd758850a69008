/** Deeper role trees are refused, so that walks of the tree have a bound. */
export const MAX_ROLE_DEPTH = 32;

/** Why `role` cannot be a role's name; undefined when it can. */
export function roleError(role: string): string | undefined {
  if (role === '*') return undefined;
  if (/[\s\u0000-\u001f\u007f]/.test(role))
    return `Role '${role.slice(0, 80)}' contains whitespace or control characters`;
  if (role === '') return 'A role cannot be empty';
  if (role.startsWith('/')) return `Role '${role}' cannot start with a slash`;
  if (role.endsWith('/')) return `Role '${role}' cannot end with a slash`;
  const parts = role.split('/');
  if (parts.length > MAX_ROLE_DEPTH) return `Role '${role.slice(0, 80)}' has more than ${MAX_ROLE_DEPTH} levels`;
  for (const part of parts) {
    if (part === '') return `Role '${role}' cannot have two adjacent slashes`;
    if (part === '.' || part === '..' || part === '*') return `Role '${role}' cannot contain '${part}' as a component`;
    if (part.startsWith('-')) return `Role '${role}' has a component that starts with a dash`;
  }
  return undefined;
}

/** `a/b` is within `a/b` and within `a`. */
export const isWithinRole = (role: string, ancestor: string): boolean =>
  role.startsWith(ancestor) && (role.length === ancestor.length || role[ancestor.length] === '/');

export function topLevelRole(role: string): string {
  const slash = role.indexOf('/');
  return slash < 0 ? role : role.slice(0, slash);
}
