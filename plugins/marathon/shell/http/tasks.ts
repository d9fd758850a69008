import type Router from 'koa-router';
import type { Context } from 'koa';
import { taskView } from '../../core/views/task.js';
import { readBody } from './body.js';
import { idsSchema } from './schema.js';
import { flag, reply, values } from './server.js';
import type { Api } from './server.js';

const STATUSES: Record<string, readonly string[]> = {
  running: ['TASK_RUNNING'],
  staging: ['TASK_STAGING', 'TASK_STARTING'],
};

export function taskRoutes(router: Router, api: Api): void {
  router.get('/v2/tasks', (ctx) => list(ctx, api));
  router.post('/v2/tasks/delete', async (ctx) => {
    const { ids } = await readBody(ctx, idsSchema);
    const options = { scale: flag(ctx, 'scale'), wipe: flag(ctx, 'wipe'), force: flag(ctx, 'force') };
    reply(ctx, await api.engine.ask({ kind: 'killTasks', ids, single: false, ...options }));
  });
}

function list(ctx: Context, { engine }: Api): void {
  const wanted = [...values(ctx, 'status'), ...values(ctx, 'status[]')].flatMap((name) => STATUSES[name] ?? []);
  const tasks: Record<string, unknown>[] = [];
  for (const instance of engine.state.instancesByTask.values()) {
    const entry = engine.state.apps.get(instance.appId);
    const view = entry && taskView(entry, instance);
    if (view && (wanted.length === 0 || wanted.includes(String(view['state'])))) tasks.push(view);
  }
  reply(ctx, { status: 200, body: { tasks } });
}
