import type Koa from 'koa';

/** Hands all requests below a path to another application. */
export function mount(app: Koa, path: string, mounted: Koa): void {
  const handle = mounted.callback();
  app.use((ctx, next) => {
    if (ctx.path !== path && !ctx.path.startsWith(`${path}/`)) return next();
    ctx.respond = false;
    return handle(ctx.req, ctx.res);
  });
}
