import { Flags } from '@oclif/core';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { findFramework, frameworkArg } from '../../lib/frameworks.js';
import { findNode } from '../../lib/nodes.js';

type Amounts = Readonly<Record<string, number>>;

interface Explanation {
  readonly framework: { readonly id: string; readonly name: string };
  readonly agents: { readonly registered: number; readonly awaited: number; readonly unreachable: number };
  readonly roles: readonly {
    readonly role: string;
    readonly summary: string;
    readonly reasons: readonly {
      readonly reason: string;
      readonly agents: number;
      readonly agent_ids: readonly string[];
      readonly meaning: string;
      readonly next: string;
      readonly first_ends_in_seconds?: number;
    }[];
    readonly shares: readonly {
      readonly name: string;
      readonly share: number;
      readonly weight: number;
      readonly place: number;
      readonly of: number;
      readonly first?: { readonly name: string; readonly share: number };
    }[];
    readonly quota: readonly { role: string; guarantee: Amounts; limit: Amounts; consumed: Amounts }[];
    readonly free: Amounts;
    readonly largest_free: Amounts;
  }[];
}

export default class FrameworkExplain extends MezzoCommand {
  static override summary = 'Say why a framework gets no offers, and what to do about it';
  static override description =
    'Counts agents by what stands between them and the framework, and shows its quota and its share beside others.';
  static override enableJsonFlag = true;
  static override args = { framework: frameworkArg };
  static override flags = {
    ...clusterFlags,
    role: Flags.string({ description: 'one of its roles (default: all)', helpValue: 'ROLE' }),
    agent: Flags.string({
      description: 'one agent, by id, an end of it or host name (default: all)',
      helpValue: 'NODE',
    }),
    limit: Flags.integer({ description: 'agents to name for each reason', default: 3, min: 0, max: 1000 }),
  };

  async run(): Promise<Explanation> {
    const { args, flags } = await this.parse(FrameworkExplain);
    const cluster = await this.cluster(flags);
    const { id } = await findFramework(cluster, args.framework);
    const query = new URLSearchParams({ framework_id: id, limit: String(flags.limit) });
    if (flags.role !== undefined) query.set('role', flags.role);
    if (flags.agent !== undefined) query.set('agent_id', (await findNode(cluster, flags.agent)).id);
    const explanation = await cluster.json<Explanation>(`/mesos/explain?${query}`);
    if (!this.jsonEnabled()) for (const line of linesOf(explanation)) this.log(line);
    return explanation;
  }
}

const linesOf = ({ framework, agents, roles }: Explanation): string[] => [
  `${framework.name} (${framework.id})`,
  ...(agents.awaited > 0 ? [`  ${agents.awaited} agents are not back since the master changed`] : []),
  ...(agents.unreachable > 0 ? [`  ${agents.unreachable} agents are unreachable`] : []),
  ...roles.flatMap(roleLines),
];

const roleLines = ({ role, summary, reasons, shares, quota, ...rest }: Explanation['roles'][number]): string[] => [
  '',
  `role ${role}: ${summary}`,
  ...reasons.flatMap(({ reason, agents, agent_ids: ids, meaning, next, first_ends_in_seconds: ends }) => [
    `  ${String(agents).padStart(6)}  ${reason}: ${meaning}${ends === undefined ? '' : `, the first for ${Math.ceil(ends)} s more`}`,
    ...(ids.length > 0 ? [`          ${ids.join(' ')}${ids.length < agents ? ' ...' : ''}`] : []),
    `          -> ${next}`,
  ]),
  `  free: ${text(rest.free)}; the most on one agent: ${text(rest.largest_free)}`,
  ...quota.map(
    (one) =>
      `  quota of ${one.role}: uses ${text(one.consumed)}; guarantee ${text(one.guarantee)}; limit ${text(one.limit)}`,
  ),
  ...shares.map(({ name, share, weight, place, of, first }) => {
    const ahead = first ? `; first is ${first.name} with ${percent(first.share)}` : '';
    return `  share of ${name}: ${percent(share)} (weight ${weight}), place ${place} of ${of}${ahead}`;
  }),
];

const percent = (share: number): string => `${Number((100 * share).toPrecision(3))}%`;

const text = (amounts: Amounts): string =>
  Object.entries(amounts)
    .map(([name, value]) => `${name} ${Number(value.toFixed(3))}`)
    .join(', ') || 'none';
