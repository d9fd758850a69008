import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Cluster } from '../lib/cluster.js';
import { httpJson, wordsOf } from '../lib/http.js';

export interface App {
  readonly id: string;
  readonly instances: number;
  readonly tasksRunning: number;
  readonly tasksHealthy: number;
  readonly tasksUnhealthy: number;
  readonly tasksStaged: number;
  readonly healthChecks?: readonly unknown[];
  readonly deployments?: readonly { readonly id: string }[];
  readonly lastTaskFailure?: { readonly message?: string; readonly state?: string; readonly timestamp?: string };
}

export interface QueueItem {
  readonly app?: { readonly id: string };
  readonly count: number;
  readonly delay?: { readonly timeLeftSeconds: number; readonly overdue: boolean };
  readonly processedOffersSummary?: {
    readonly processedOffersCount: number;
    readonly rejectSummaryLastOffers?: readonly {
      readonly reason: string;
      readonly declined: number;
      readonly processed: number;
    }[];
  };
}

export const MARATHON = '/service/marathon';

/** App ids hold slashes, which stay; what else a URL cannot hold is escaped. */
export const appPath = (id: string): string =>
  `${MARATHON}/v2/apps/${id.replace(/^\/+/, '').split('/').map(encodeURIComponent).join('/')}`;

export function readDefinition(file: string): { id: string } & Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new MezzoError('FILE_UNREADABLE', `cannot read ${file}: ${(cause as NodeJS.ErrnoException).code}`, {
      blame: 'user',
      next: 'give the path of a JSON app definition, or - for standard input',
    });
  }
  try {
    const definition = JSON.parse(text) as { id?: unknown };
    if (typeof definition.id === 'string') return definition as { id: string };
  } catch (error) {
    throw new MezzoError('NOT_JSON', `${file} is not JSON: ${(error as Error).message}`, {
      blame: 'user',
      next: 'an app definition is one JSON object, like examples/hello.json',
    });
  }
  throw new MezzoError('NO_ID', `${file} has no "id"`, { blame: 'user', next: 'add one, for example "id": "/my-app"' });
}

export async function findApp(cluster: Cluster, id: string): Promise<App | undefined> {
  const { status, text } = await cluster.raw(appPath(id));
  if (status === 404) return undefined;
  if (status !== 200)
    throw new MezzoError(`HTTP_${status}`, `marathon answered ${status}: ${wordsOf(text)}`, {
      blame: 'kernel',
      retryable: status >= 500,
    });
  return (JSON.parse(text) as { app: App }).app;
}

/** Why an app does not make progress, in one sentence, or undefined when nothing is known to hold it up. */
export async function whyStuck(cluster: Cluster, app: App): Promise<string | undefined> {
  const { queue } = await cluster.json<{ queue: QueueItem[] }>(`${MARATHON}/v2/queue`);
  const item = queue.find((entry) => entry.app?.id === app.id);
  if (item === undefined) {
    if (app.tasksUnhealthy > 0) return `${app.tasksUnhealthy} instance(s) fail their health check`;
    return app.tasksRunning < app.instances ? whoIsAwaited(cluster) : undefined;
  }
  if (item.delay !== undefined && !item.delay.overdue && item.delay.timeLeftSeconds > 0) {
    const why = app.lastTaskFailure?.message ?? 'earlier instances failed';
    return `waits ${item.delay.timeLeftSeconds} s before the next try: ${why}`;
  }
  const rejects = item.processedOffersSummary?.rejectSummaryLastOffers?.filter(({ declined }) => declined > 0) ?? [];
  if (rejects.length > 0)
    return `no offer fits ${item.count} more instance(s): ${rejects.map(({ reason, declined, processed }) => `${reason} (${declined} of ${processed} offers)`).join(', ')}`;
  if (item.processedOffersSummary?.processedOffersCount === 0)
    return 'no offer has come yet: is an agent running? (`mezzo node list`)';
  return undefined;
}

/** What runs on agents that may still come back is not replaced. */
async function whoIsAwaited(cluster: Cluster): Promise<string | undefined> {
  const { recovered_slaves: awaited } = await cluster.json<{ recovered_slaves: object[] }>('/mesos/slaves');
  if (awaited.length === 0) return undefined;
  return `${awaited.length} agent(s) are not back since the master changed: what they ran is replaced when --agent_reregister_timeout (10 minutes) is over`;
}

export const isSettled = (app: App): boolean => {
  const up = app.healthChecks !== undefined && app.healthChecks.length > 0 ? app.tasksHealthy : app.tasksRunning;
  return up >= app.instances && (app.deployments ?? []).length === 0;
};

const POLL_MS = 100;
const SAY_STUCK_AFTER_MS = 3000;

/** Watches an app until all instances run (and are healthy) and no deployment is left; says why when it is stuck. */
export async function watchApp(
  cluster: Cluster,
  id: string,
  say: (line: string) => void,
  timeoutMs: number,
): Promise<App> {
  const start = Date.now();
  let last = '';
  let lastChange = start;
  let lastReason = '';
  for (;;) {
    const app = await findApp(cluster, id);
    if (app === undefined)
      throw new MezzoError('APP_GONE', `app ${id} is gone`, { blame: 'user', next: 'somebody removed it meanwhile' });
    if (isSettled(app)) return app;
    const line = `${app.id}: ${app.tasksRunning} of ${app.instances} running${app.healthChecks?.length ? `, ${app.tasksHealthy} healthy` : ''}`;
    if (line !== last) {
      say(line);
      last = line;
      lastChange = Date.now();
    } else if (Date.now() - lastChange > SAY_STUCK_AFTER_MS) {
      const reason = await whyStuck(cluster, app);
      if (reason !== undefined && reason !== lastReason) say(`${app.id}: ${(lastReason = reason)}`);
    }
    if (Date.now() - start > timeoutMs) {
      const reason = (await whyStuck(cluster, app)) ?? 'no reason is known';
      throw new MezzoError('DEPLOY_STUCK', `${id} is not up after ${Math.round(timeoutMs / 1000)} s: ${reason}`, {
        blame: 'user',
        next: `the deployment goes on; look with \`mezzo app show ${id}\`, or undo it with \`mezzo app remove ${id}\``,
      });
    }
    await sleep(POLL_MS);
  }
}

/** Asks a URL until it answers 200, or gives the last answer's words at the deadline. */
export async function untilAnswers(url: string, timeoutMs: number): Promise<void> {
  let last: unknown;
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(POLL_MS)) {
    try {
      await httpJson(url, { timeoutMs: 2000 });
      return;
    } catch (error) {
      if (error instanceof SyntaxError) return; // it answered, and not in JSON
      last = error;
    }
  }
  throw last;
}
