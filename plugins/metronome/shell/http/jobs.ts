import type Router from 'koa-router';
import type { Context } from 'koa';
import { entryOf, type Command } from '../../core/commands.js';
import { jobSchema, scheduleSchema } from '../../core/job.js';
import { badRequest, runNotFound, scheduleNotFound } from '../../core/refusal.js';
import {
  EMBEDS,
  activeRunViews,
  finishedRunView,
  jobView,
  runView,
  scheduleView,
  type Embed,
} from '../../core/views.js';
import { readBody } from './body.js';
import { reply, values } from './server.js';
import type { Api } from './server.js';

/** A PUT names its job in the path. */
const putSchema = jobSchema.extend({ id: jobSchema.shape.id.optional() });
const param = (ctx: Context, name: string): string => (ctx.params as Record<string, string>)[name] ?? '';

export function jobRoutes(router: Router, api: Api): void {
  const ask = async (ctx: Context, command: Command) => reply(ctx, await api.engine.ask(command));
  const entry = (ctx: Context) => entryOf(api.engine.state, param(ctx, 'id'));
  const show = (ctx: Context, body: unknown) => reply(ctx, { status: 200, body });

  router.get('/v1/jobs', (ctx) => {
    const embeds = embedsOf(ctx);
    const jobs = [...api.engine.state.jobs.values()];
    show(
      ctx,
      jobs.map((each) => jobView(api.engine.state, each, embeds)),
    );
  });
  router.get('/v1/jobs/:id', (ctx) => show(ctx, jobView(api.engine.state, entry(ctx), embedsOf(ctx))));
  for (const [path, withSchedules] of [
    ['/v1/jobs', false],
    ['/v0/scheduled-jobs', true],
  ] as const) {
    router.post(path, async (ctx) => {
      const job = await readBody(ctx, jobSchema);
      await ask(ctx, { kind: 'createJob', job, withSchedules });
    });
    router.put(`${path}/:id`, async (ctx) => {
      const job = { ...(await readBody(ctx, putSchema)), id: param(ctx, 'id') };
      await ask(ctx, { kind: 'updateJob', job, withSchedules });
    });
  }
  router.delete('/v1/jobs/:id', (ctx) =>
    ask(ctx, { kind: 'removeJob', id: param(ctx, 'id'), stopRuns: values(ctx, 'stopCurrentJobRuns')[0] === 'true' }),
  );
  scheduleRoutes(router, api, ask);

  router.get('/v1/runs', (ctx) => show(ctx, [...api.engine.state.jobs.values()].flatMap(activeRunViews)));
  router.get('/v1/jobs/:id/runs', (ctx) => show(ctx, activeRunViews(entry(ctx))));
  router.post('/v1/jobs/:id/runs', (ctx) => ask(ctx, { kind: 'startRun', jobId: param(ctx, 'id') }));
  router.get('/v1/jobs/:id/runs/:runId', (ctx) => {
    const [job, runId] = [entry(ctx), param(ctx, 'runId')];
    const active = job.active.get(runId);
    const found = active ? runView(active) : finishedRunView(job, runId);
    if (found === undefined) throw runNotFound(job.job.id, runId);
    show(ctx, found);
  });
  router.post('/v1/jobs/:id/runs/:runId/actions/stop', (ctx) =>
    ask(ctx, { kind: 'stopRun', jobId: param(ctx, 'id'), runId: param(ctx, 'runId') }),
  );
}

function scheduleRoutes(router: Router, api: Api, ask: (ctx: Context, command: Command) => Promise<void>): void {
  const { state } = api.engine;
  const path = '/v1/jobs/:id/schedules';
  router.get(path, (ctx) => {
    const entry = entryOf(state, param(ctx, 'id'));
    reply(ctx, { status: 200, body: entry.job.schedules.map((each) => scheduleView(state, entry, each)) });
  });
  router.post(path, async (ctx) => {
    const schedule = await readBody(ctx, scheduleSchema);
    await ask(ctx, { kind: 'createSchedule', jobId: param(ctx, 'id'), schedule });
  });
  router.get(`${path}/:scheduleId`, (ctx) => {
    const entry = entryOf(state, param(ctx, 'id'));
    const schedule = entry.job.schedules.find(({ id }) => id === param(ctx, 'scheduleId'));
    if (schedule === undefined) throw scheduleNotFound(param(ctx, 'scheduleId'));
    reply(ctx, { status: 200, body: scheduleView(state, entry, schedule) });
  });
  router.put(`${path}/:scheduleId`, async (ctx) => {
    const schedule = await readBody(ctx, scheduleSchema);
    await ask(ctx, { kind: 'updateSchedule', jobId: param(ctx, 'id'), id: param(ctx, 'scheduleId'), schedule });
  });
  router.delete(`${path}/:scheduleId`, (ctx) =>
    ask(ctx, { kind: 'removeSchedule', jobId: param(ctx, 'id'), id: param(ctx, 'scheduleId') }),
  );
}

/** `?embed=schedules&embed=history`, or with commas. */
function embedsOf(ctx: Context): Embed[] {
  const asked = values(ctx, 'embed').flatMap((each) => each.split(','));
  const known = EMBEDS.filter((embed) => asked.includes(embed));
  if (asked.some((each) => !(EMBEDS as readonly string[]).includes(each)))
    throw badRequest(`Unknown embed options. Valid options are: ${EMBEDS.join(', ')}`);
  return known;
}
