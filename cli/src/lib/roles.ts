import type { Cluster } from './cluster.js';

type Amounts = Readonly<Record<string, number>>;

export interface Role {
  readonly name: string;
  readonly weight: number;
  readonly priority: number;
  readonly frameworks: readonly string[];
  readonly allocated: Amounts;
  readonly quota: { readonly guarantee: Amounts; readonly limit: Amounts };
}

const BARE = { weight: 1, frameworks: [], allocated: {}, quota: { guarantee: {}, limit: {} } };

/** By name; a role without a priority of its own has that of the one above. */
export async function listRoles(cluster: Cluster): Promise<readonly Role[]> {
  const [{ roles }, list] = await Promise.all([
    cluster.json<{ roles: readonly Omit<Role, 'priority'>[] }>('/mesos/roles'),
    cluster.json<readonly { role: string; priority: number }[]>('/mesos/priorities'),
  ]);
  const own = new Map(list.map(({ role, priority }) => [role, priority]));
  const priorityOf = (name: string): number =>
    own.get(name) ?? (name.includes('/') ? priorityOf(name.slice(0, name.lastIndexOf('/'))) : 0);
  const others = list.filter(({ role }) => !roles.some(({ name }) => name === role));
  return [...roles, ...others.map(({ role: name }) => ({ ...BARE, name }))]
    .map((role) => ({ ...role, priority: priorityOf(role.name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
