import type Router from 'koa-router';
import type { Context } from 'koa';
import {
  chronosSchema,
  chronosSummary,
  chronosView,
  durationOf,
  graphCsv,
  graphDot,
  isChronos,
  jobOfChronos,
  statView,
} from '../../core/chronos.js';
import { entryOf, type Command } from '../../core/commands.js';
import { badRequest, conflict, jobNotFound } from '../../core/refusal.js';
import type { JobEntry } from '../../core/state.js';
import { readBody } from './body.js';
import { CHRONOS_PREFIX, reply, values } from './server.js';
import type { Api } from './server.js';

const MAX_FOUND = 1000;
const param = (ctx: Context, name: string): string => (ctx.params as Record<string, string>)[name] ?? '';

/** Chronos' jobs only: those of Metronome are not seen here, while these are seen there. */
export function chronosRoutes(router: Router, api: Api): void {
  const { state } = api.engine;
  const at = (path: string) => `${CHRONOS_PREFIX}${path}`;
  const all = (): JobEntry[] => [...state.jobs.values()].filter(isChronos);
  const show = (ctx: Context, body: unknown) => reply(ctx, { status: 200, body });
  const entry = (ctx: Context): JobEntry => {
    const found = entryOf(state, param(ctx, 'name'));
    if (!isChronos(found)) throw jobNotFound(found.job.id);
    return found;
  };
  /** Most changes are answered with 204. */
  const ask = async (ctx: Context, command: Command, status?: number) => {
    const answer = await api.engine.ask(command);
    reply(ctx, answer.status >= 400 || status === undefined ? answer : { status });
  };

  for (const kind of ['iso8601', 'dependency'] as const)
    for (const method of ['post', 'put'] as const)
      router[method](at(`/${kind}`), async (ctx) => {
        const job = jobOfChronos(await readBody(ctx, chronosSchema), kind);
        const known = state.jobs.get(job.id);
        if (known && !isChronos(known)) throw conflict(`'${job.id}' is a job of Metronome's API`);
        await ask(ctx, { kind: 'putJob', job }, 204);
      });
  router.get(at('/jobs'), (ctx) =>
    show(
      ctx,
      all().map((each) => chronosView(state, each)),
    ),
  );
  router.get(at('/jobs/summary'), (ctx) => show(ctx, { jobs: all().map((each) => chronosSummary(state, each)) }));
  router.get(at('/jobs/search'), (ctx) =>
    show(
      ctx,
      search(ctx, all()).map((each) => chronosView(state, each)),
    ),
  );
  router.get(at('/job/:name'), (ctx) => show(ctx, chronosView(state, entry(ctx))));
  router.delete(at('/job/:name'), (ctx) => ask(ctx, { kind: 'removeJob', id: entry(ctx).job.id, stopRuns: true }, 204));
  router.put(at('/job/:name'), (ctx) => {
    const [args] = values(ctx, 'arguments');
    return ask(
      ctx,
      { kind: 'startRun', jobId: entry(ctx).job.id, ...(args !== undefined && { arguments: args }) },
      204,
    );
  });
  router.put(at('/job/success/:name'), (ctx) => ask(ctx, { kind: 'markSuccess', jobId: entry(ctx).job.id }));
  router.delete(at('/task/kill/:name'), (ctx) => ask(ctx, { kind: 'stopRuns', jobId: entry(ctx).job.id }));
  router.get(at('/job/stat/:name'), (ctx) => show(ctx, statView(entry(ctx))));
  router.get(at('/stats/:percentile'), (ctx) => {
    const times = all().map((each) => ({
      jobNameLabel: each.job.id,
      time: durationOf(each, param(ctx, 'percentile')),
    }));
    if (times.some(({ time }) => time === undefined)) throw badRequest('no such percentile');
    show(
      ctx,
      times.sort((a, b) => (b.time ?? 0) - (a.time ?? 0)),
    );
  });
  router.post(at('/job/:name/task/:id/progress'), (ctx) =>
    reply(ctx, { status: 501, body: { message: 'The progress of tasks is not supported' } }),
  );
  router.get(at('/graph/csv'), (ctx) => plain(ctx, graphCsv(all())));
  router.get(at('/graph/dot'), (ctx) => plain(ctx, graphDot(all())));
}

function plain(ctx: Context, text: string): void {
  ctx.type = 'text/plain';
  ctx.body = text;
}

function search(ctx: Context, entries: readonly JobEntry[]): JobEntry[] {
  const wanted = (name: string) => values(ctx, name)[0]?.toLowerCase() ?? '';
  const [name, command, any] = [wanted('name'), wanted('command'), wanted('any')];
  const number = (key: string, byDefault: number) => (/^\d{1,6}$/.test(wanted(key)) ? Number(wanted(key)) : byDefault);
  const found = entries.filter(({ job }) => {
    const [id, text] = [job.id.toLowerCase(), String(job.chronos?.shown.command ?? '').toLowerCase()];
    return id.includes(name) && text.includes(command) && (id.includes(any) || text.includes(any));
  });
  const offset = number('offset', 0);
  return found.slice(offset, offset + Math.min(number('limit', 10), MAX_FOUND));
}
