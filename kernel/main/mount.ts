import { MezzoError } from '@mezzo/sdk/contract';
import type Koa from 'koa';

export const PLUGIN_API = '/plugins/v1';

/** Hands all requests below a path to another application once the answer is told of it: until then they are 503. */
export function mount(app: Koa, path: string): (mounted: Koa) => void {
  let handle: ReturnType<Koa['callback']> | undefined;
  app.use((ctx, next) => {
    if (ctx.path !== path && !ctx.path.startsWith(`${path}/`)) return next();
    if (handle === undefined) {
      ctx.status = 503;
      ctx.body = notYet(path).toJSON();
      return undefined;
    }
    ctx.respond = false;
    return handle(ctx.req, ctx.res);
  });
  return (mounted) => (handle = mounted.callback());
}

const notYet = (path: string): MezzoError =>
  new MezzoError('NOT_READY', `this daemon has just started, and cannot answer at ${path} yet`, {
    blame: 'kernel',
    retryable: true,
    next: 'try again in some seconds',
  });
