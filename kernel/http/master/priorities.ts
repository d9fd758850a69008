import type { Context } from 'koa';
import type { Priorities } from '../../core/master/events.js';
import { priorityList } from '../../core/master/priorities.js';
import { isRead, jsonAnswer, jsonpOf, methodNotAllowed, replyAnswer, textAnswer, type Answer } from '../answer.js';
import { FORBIDDEN } from '../auth/permission.js';
import { readJson } from '../body.js';
import { viewerOf } from './permissions.js';
import type { MasterSite } from './site.js';

const MAX_BYTES = 1024 * 1024;

/**
 * `GET /priorities`: `[{"role": "prod", "priority": 100}]`, of roles that have one. `PUT` of such a list sets those that it names
 * (without a priority: that of the role above, or 0) and leaves the others; whoever may set weights may do it.
 */
export async function prioritiesEndpoint(site: MasterSite, query: URLSearchParams, ctx: Context): Promise<Answer> {
  const { may, sight } = viewerOf(site, ctx.req);
  if (isRead(ctx.method)) return jsonAnswer(JSON.stringify(priorityList(site.shell.state, sight.role)), jsonpOf(query));
  if (ctx.method !== 'PUT') return methodNotAllowed(['GET', 'PUT'], ctx.method);
  const priorities = read(await readJson(ctx.req, MAX_BYTES));
  if (typeof priorities === 'string') return textAnswer(400, `Failed to read the priorities: ${priorities}`);
  if (![...priorities.keys()].every((role) => may('update_weights', role))) return FORBIDDEN;
  return replyAnswer(await site.shell.call((request) => ({ type: 'prioritiesSet', request, priorities })));
}

/** Answers what is wrong with it. */
function read(json: unknown): Priorities | string {
  if (!Array.isArray(json)) return 'Expecting a JSON array like [{"role": "prod", "priority": 100}]';
  const priorities = new Map<string, number | undefined>();
  for (const [i, item] of (json as unknown[]).entries()) {
    const { role, priority, ...more } = Object(item) as Record<string, unknown>;
    const [unknown] = Object.keys(more);
    if (typeof role !== 'string') return `item ${i} has no 'role' that is a text`;
    if (unknown !== undefined) return `'${unknown}' of role '${role}' is unknown: there are 'role' and 'priority'`;
    if (priorities.has(role)) return `role '${role}' is there twice`;
    if (priority !== undefined && typeof priority !== 'number')
      return `'priority' of role '${role}' is ${JSON.stringify(priority)}: it must be a number`;
    priorities.set(role, priority);
  }
  return priorities;
}
