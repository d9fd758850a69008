import { setTimeout as sleep } from 'node:timers/promises';
import { MezzoError, type PluginManifest, type PluginStatus } from '@mezzo/sdk/contract';
import type { Cluster } from '../lib/cluster.js';

const API = '/mesos/plugins/v1';
const POLL_MS = 300;

/** A plugin of the cluster, as the leader knows it. */
export interface PluginEntry {
  readonly id: string;
  /** Absent while its first version is on its way. */
  readonly version?: string;
  readonly builtIn: boolean;
  readonly enabled: boolean;
  readonly manifest?: PluginManifest;
  /** As operators gave it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly rollout?: {
    readonly from?: string;
    readonly to?: string;
    readonly phase: 'forward' | 'back';
    readonly reason?: string;
    readonly turns: readonly { readonly node: string; readonly turn: 'waiting' | 'under way' | 'done' }[];
  };
  readonly failure?: { readonly version: string; readonly reason: string };
}

export interface NodeRow {
  readonly node: string;
  readonly kind: 'master' | 'agent';
  readonly leads: boolean;
  readonly plugins: readonly PluginStatus[];
}

export const callPlugins = <T>(
  cluster: Cluster,
  path: string,
  options: Parameters<Cluster['json']>[1] = {},
): Promise<T> => cluster.json<T>(API + path, options);

export const listPlugins = async (cluster: Cluster): Promise<readonly PluginEntry[]> =>
  (await callPlugins<{ plugins: PluginEntry[] }>(cluster, '/catalogue')).plugins;

export const listNodes = async (cluster: Cluster): Promise<readonly NodeRow[]> =>
  (await callPlugins<{ nodes: NodeRow[] }>(cluster, '/nodes')).nodes;

/** Rejects with PLUGIN_NOT_FOUND. */
export async function findEntry(cluster: Cluster, id: string): Promise<PluginEntry> {
  const all = await listPlugins(cluster);
  const found = all.find((plugin) => plugin.id === id);
  if (found !== undefined) return found;
  throw new MezzoError(
    'PLUGIN_NOT_FOUND',
    `there is no plugin ${id}; there are ${all.map((one) => one.id).join(', ')}`,
    {
      blame: 'user',
      next: 'find one with `mezzo plugin search`',
    },
  );
}

/** Answers what to say of it. Rejects with PLUGIN_NOT_FOUND and as the leader does. */
export async function switchPlugin(cluster: Cluster, wanted: string, how: 'enable' | 'disable'): Promise<string> {
  const { id, manifest } = await findEntry(cluster, wanted);
  await callPlugins(cluster, `/plugins/${id}/${how}`, { method: 'POST' });
  return `${id} is ${how}d${manifest?.process === 'kernel' ? ': daemons take it at their next start' : ''}`;
}

/** The states of one plugin on the nodes that it is for. */
export const rowsOf = (nodes: readonly NodeRow[], id: string): (PluginStatus & { readonly node: string })[] =>
  nodes.flatMap(({ node, plugins }) => plugins.flatMap((one) => (one.id === id ? { ...one, node } : [])));

const SETTLED = new Set(['active', 'degraded', 'failed', 'skipped', 'stopped']);

/**
 * Watches a version on its way to the nodes, saying of each what becomes of it, until all have it, or have what they had before. Answers
 * the rows of the end. Rejects with PLUGIN_TAKEN_BACK, PLUGIN_NOT_ACTIVE and PLUGIN_SLOW.
 */
export async function watchVersion(
  cluster: Cluster,
  id: string,
  version: string | undefined,
  say: (line: string) => void,
  timeoutMs: number,
): Promise<(PluginStatus & { readonly node: string })[]> {
  const told = new Map<string, string>();
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(POLL_MS)) {
    // The leader itself may be started again on the way.
    const seen = await look(cluster, id).catch((error: MezzoError) => {
      if (error.retryable || /^HTTP_(30|50)/.test(error.code)) return undefined;
      throw error;
    });
    if (seen === undefined) continue;
    for (const { node, version: has, state, reason } of seen.rows) {
      const line = `${node}: ${id} ${has} is ${state}${reason === undefined ? '' : `: ${reason}`}`;
      if (told.get(node) !== line && (SETTLED.has(state) || told.has(node))) say(line);
      told.set(node, line);
    }
    const { rollout, failure } = seen.entry ?? {};
    if (rollout !== undefined) continue;
    if (failure !== undefined && failure.version === version) throw takenBack(id, failure);
    const isThere = seen.rows.every((row) => row.version === version && SETTLED.has(row.state));
    if (version === undefined ? seen.rows.length === 0 || seen.entry?.builtIn : seen.rows.length > 0 && isThere) {
      const failed = seen.rows.find(({ state }) => version !== undefined && state === 'failed');
      if (failed !== undefined) throw notActive(id, failed);
      return seen.rows;
    }
    if (version !== undefined && seen.isForNobody) return [];
  }
  throw new MezzoError('PLUGIN_SLOW', `plugin ${id} is still on its way after ${timeoutMs / 1000} s`, {
    blame: 'environment',
    next: `it goes on: see \`mezzo plugin show ${id}\`; to stop it: \`mezzo plugin rollback ${id}\``,
  });
}

async function look(cluster: Cluster, id: string) {
  const [all, nodes] = await Promise.all([listPlugins(cluster), listNodes(cluster)]);
  const entry = all.find((plugin) => plugin.id === id);
  const isForNobody = !nodes.some(({ kind }) => entry?.manifest?.runsOn.includes(kind) ?? true);
  return { entry, rows: rowsOf(nodes, id), isForNobody };
}

const takenBack = (id: string, { version, reason }: { version: string; reason: string }): MezzoError =>
  new MezzoError('PLUGIN_TAKEN_BACK', `plugin ${id} ${version} was taken back: ${reason}`, {
    blame: 'plugin',
    next: `\`mezzo plugin logs ${id}\` may tell more`,
  });

const notActive = (
  id: string,
  { version, node, reason }: { version: string; node: string; reason?: string },
): MezzoError =>
  new MezzoError('PLUGIN_NOT_ACTIVE', `plugin ${id} ${version} is installed and failed on ${node}: ${reason ?? ''}`, {
    blame: 'plugin',
    next: `see \`mezzo plugin logs ${id}\`, set \`mezzo plugin config ${id}\`, or \`mezzo plugin remove ${id}\``,
  });

/** What a plugin is and may do, for people. */
export function describe(manifest: PluginManifest): string[] {
  const {
    id,
    version,
    description,
    process,
    runsOn,
    placement,
    requires,
    provides,
    dependsOn,
    permissions,
    listens,
    cli,
    http,
  } = manifest;
  const where = runsOn.map((one) => (placement === 'leader' ? `the leading ${one}` : `every ${one}`)).join(' and ');
  const depends = Object.entries(dependsOn).map(([other, range]) => `${other} ${range}`);
  const about = `${id} ${version}${description === '' ? '' : `: ${description}`}`;
  const commands = Object.entries(cli?.commands ?? {}).map(([name, what]) => `  brings \`mezzo ${name}\`: ${what}`);
  if (runsOn.length === 0) return [plain(about), '  runs on no node', ...commands];
  return [
    plain(about),
    process === 'own'
      ? `  runs in a process of its own on ${where}`
      : `  runs inside the daemon on ${where}: it is trusted with all that the daemon may do`,
    `  may use: ${requires.length === 0 ? 'nothing' : requires.join(', ')}`,
    ...frameworkLine(permissions),
    ...(permissions.operator === 'none'
      ? []
      : [`  may ${permissions.operator === 'read' ? 'see' : 'change'} all of the cluster through the operator API`]),
    ...(permissions.endpoints.join() === id
      ? []
      : [`  may serve as: ${permissions.endpoints.join(', ') || 'nothing'}`]),
    ...Object.values(listens).map(
      ({ protocols, port, portKey }) =>
        `  listens on port ${port} (${protocols.join(', ')}) unless "${portKey}" says otherwise`,
    ),
    ...(provides.length > 0 ? [`  brings: ${provides.join(', ')}`] : []),
    ...httpLines(http),
    ...commands,
    ...(depends.length > 0 ? [`  depends on: ${depends.join(', ')}`] : []),
    ...(requires.includes('cluster-key') ? ['  may act for the administrator: it gets the key of the cluster'] : []),
  ];
}

/** What a stranger wrote must not steer the terminal that somebody says yes at. */
const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');

const httpLines = (http: PluginManifest['http']): string[] => [
  ...(http?.routes ?? []).map(
    ({ path, public: open }) => `  serves ${path} at the router${open ? ', to everybody, without a sign-in' : ''}`,
  ),
  ...(http?.middleware ?? []).map(
    ({ path, authorization }) =>
      `  sees the head of each request for ${path} at the router, and may refuse it${authorization ? '; credentials of others, too' : ''}`,
  ),
  ...(http?.pages ?? []).map(({ title, path }) => `  has the page "${title}" at ${path}`),
];

const frameworkLine = ({ roles }: PluginManifest['permissions']): string[] => {
  if (roles === 'any') return ['  may run tasks under any role'];
  return roles.length === 0
    ? []
    : [`  may run tasks under ${roles.length === 1 ? 'the role' : 'the roles'} ${roles.join(', ')}`];
};
