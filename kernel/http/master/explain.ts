import { stringifyJson } from '@mezzo/sdk/api';
import { asId } from '@mezzo/sdk/contract';
import { explainFramework, type Explained, type Finding, type Reason } from '../../core/master/explain.js';
import type { Sight } from '../../core/master/sight.js';
import type { Framework, MasterState } from '../../core/master/index.js';
import type { Quantities } from '../../core/resources/index.js';
import { jsonAnswer, jsonpOf, textAnswer, type Answer } from '../answer.js';

const EXAMPLES = 3;
const MAX_EXAMPLES = 1000;

/** What each reason means of an agent, and what mends it. */
const WORDS: Readonly<Record<Reason, readonly [meaning: string, next: string]>> = {
  FREE: ['nothing stands in the way', 'an offer comes as soon as the framework wants offers in this role'],
  OFFERED: ['the framework has an offer of it', 'accept or decline it'],
  OFFERED_TO_OTHERS: [
    'what is left is offered to others',
    'wait until they answer; --offer_timeout of the master bounds how long that takes',
  ],
  NOTHING_FREE: ['tasks hold all of it', 'add agents, or end what runs'],
  TOO_LITTLE: [
    'less is left than the smallest offer',
    "end what runs there, or lower the least: --min_allocatable_resources, or `offer_filters` of the framework's role",
  ],
  REFUSED: [
    'the framework refused what is left',
    'REVIVE ends refusals; a shorter `refuse_seconds` in DECLINE and ACCEPT keeps them short',
  ],
  CONSTRAINTS: ['the offer constraints of the framework exclude it', 'widen them with UPDATE_FRAMEWORK'],
  POLICY: [
    'the policy of the allocator does not admit the framework there',
    'see the configuration of the plugin that --allocator names: `mezzo plugin config`',
  ],
  QUOTA_LIMIT: ['the limit of the role leaves nothing', 'raise the limit with UPDATE_QUOTA, or end tasks of the role'],
  GUARANTEES: [
    'what is left in the cluster is kept for guarantees of other roles',
    'give this role a guarantee, lower those of others, or add agents',
  ],
  RESERVED: ['what is left is reserved for other roles', 'subscribe with that role, or unreserve it'],
  CAPABILITIES: [
    'what is left is revocable, shared or of a refined reservation',
    'subscribe with REVOCABLE_RESOURCES, SHARED_RESOURCES or RESERVATION_REFINEMENT if the framework knows them',
  ],
  GPUS: [
    'it has GPUs, which are kept for those who use them',
    'subscribe with GPU_RESOURCES, or start the master with --filter_gpu_resources=false',
  ],
  REGION: ['it is in another region than the master', 'subscribe with REGION_AWARE'],
  AGENT_AWAY: ['it is not connected', 'see its log; tasks there are lost if it does not come back in time'],
  DRAINING: ['it is drained', '`mezzo node activate` takes it into use again'],
  DEACTIVATED: ['it is out of use', '`mezzo node activate` takes it into use again'],
  NOT_LISTED: ["its host is not on the master's whitelist", 'write its name into the file of --whitelist'],
  RECOVERY_HOLD: [
    'it may be offered, but all offers wait for agents to come back',
    'wait; --allocator_agent_recovery_factor and --allocator_recovery_timeout of the master say how long',
  ],
  POLICY_HOLD: [
    'it may be offered, but no plugin has brought the policy that --allocator names',
    '`mezzo plugin list` shows what became of it; install it, or start the masters without --allocator',
  ],
};

/**
 * `GET /explain?framework_id=F&role=R&agent_id=A&limit=N`: why the framework has no (more) offers. Reasons with the number of
 * agents that each is true of, `limit` of them by name.
 */
export function explainEndpoint(state: MasterState, sight: Sight, query: URLSearchParams, nowMs: number): Answer {
  const id = query.get('framework_id');
  if (id === null)
    return textAnswer(400, "Missing 'framework_id': /explain?framework_id=ID, from `mezzo framework list`");
  const framework = state.frameworks.get(asId(id));
  if (framework === undefined || !sight.framework(framework.info)) return textAnswer(404, unknownFramework(state, id));
  const role = query.get('role') ?? undefined;
  if (role !== undefined && !framework.roles.includes(role)) {
    const roles = framework.roles.map((one) => `'${one}'`).join(', ');
    return textAnswer(404, `Framework '${id}' is not in the role '${role}': its roles are ${roles}`);
  }
  const agentId = query.get('agent_id') ?? undefined;
  if (agentId !== undefined && !state.agents.has(asId(agentId)))
    return textAnswer(404, `Agent '${agentId}' is not registered: see /slaves and recovered_slaves there`);
  const limit = query.get('limit') ?? String(EXAMPLES);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) > MAX_EXAMPLES)
    return textAnswer(400, `'limit' is ${limit.slice(0, 40)}: it must be a number from 0 to ${MAX_EXAMPLES}`);
  const asked = { role, agentId: agentId === undefined ? undefined : asId<never>(agentId), examples: Number(limit) };
  const roles = explainFramework(state, framework, asked);
  const view = { ...standing(state, framework), roles: roles.map((one) => roleView(one, framework, nowMs)) };
  return jsonAnswer(stringifyJson(view), jsonpOf(query));
}

const unknownFramework = (state: MasterState, id: string): string =>
  state.completedFrameworks.has(asId(id))
    ? `Framework '${id}' was removed and gets no offers: it must subscribe anew, without an id`
    : `Framework '${id}' is unknown: \`mezzo framework list\` shows those that there are`;

const standing = (state: MasterState, { id, info, connection }: Framework): object => ({
  framework: { id, name: info.name, connected: connection !== undefined },
  agents: {
    registered: state.agents.size,
    awaited: state.recoveredAgents.size,
    unreachable: state.unreachableAgents.size,
  },
  ...(state.awaitedAgents !== undefined && { recovery_hold: { until_agents: state.awaitedAgents } }),
});

function roleView(role: Explained, framework: Framework, nowMs: number): object {
  return {
    role: role.role,
    summary: summaryOf(role, framework),
    suppressed: role.isSuppressed,
    offers: role.offers,
    priority: role.priority,
    claims: role.claims,
    reasons: role.findings.map((finding) => findingView(finding, nowMs)),
    shares: role.shares,
    quota: role.quota.map(({ guarantee, limit, consumed, ...rest }) => ({
      ...rest,
      guarantee: plain(guarantee),
      limit: plain(limit),
      consumed: plain(consumed),
    })),
    free: plain(role.free),
    largest_free: plain(role.largest),
  };
}

const findingView = ({ reason, agents, agentIds, untilMs }: Finding, nowMs: number): object => ({
  reason,
  agents,
  agent_ids: agentIds,
  meaning: WORDS[reason][0],
  next: WORDS[reason][1],
  ...(untilMs !== undefined && { first_ends_in_seconds: Math.max(0, (untilMs - nowMs) / 1000) }),
});

/** The one thing to know. */
function summaryOf({ role, isSuppressed, offers, claims, findings }: Explained, framework: Framework): string {
  if (framework.connection === undefined)
    return 'The framework is not connected: it gets offers once it subscribes again';
  if (isSuppressed)
    return `The framework suppressed offers in the role '${role}': as frameworks do that have nothing to launch: it gets them after REVIVE`;
  if (claims > 0)
    return `Tasks of roles of lower priority are ending to make room for what it asked for, on agents: ${claims}`;
  if (offers > 0) return `The framework has offers that it did not answer: ${offers}`;
  const [first] = findings;
  if (first === undefined) return 'No agent is registered';
  const total = findings.reduce((sum, { agents }) => sum + agents, 0);
  const [meaning, next] = WORDS[first.reason];
  return `${first.agents} of ${total} agents: ${meaning}. ${next[0]!.toUpperCase()}${next.slice(1)}`;
}

const plain = (quantities: Quantities): object =>
  Object.fromEntries([...quantities].map(([name, milli]) => [name, milli / 1000]));
