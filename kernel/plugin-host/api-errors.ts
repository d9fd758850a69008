import { MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';
import type { Middleware } from 'koa';

const STATUS: Readonly<Record<string, number>> = {
  TOKEN_INVALID: 401,
  STORE_UNAVAILABLE: 503,
  STORE_FENCED: 503,
  BODY_TOO_LARGE: 413,
  PLUGIN_NOT_FOUND: 404,
  PLUGIN_BUILT_IN: 409,
  PLUGIN_VERSION_EXISTS: 409,
  PLUGIN_BUSY: 409,
  PLUGIN_NEEDED: 409,
  PLUGIN_NOT_ROLLING: 409,
  PLUGIN_NOT_DECLARED: 403,
};

/** Answers expected failures as JSON, by their code; bugs do not show their insides. */
export const errorsAsJson =
  (log: Logger): Middleware =>
  async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false)
        throw new MezzoError('NOT_FOUND', `there is no ${ctx.method} ${ctx.path}`, { blame: 'user' });
    } catch (error) {
      const known = error instanceof MezzoError ? error : bug(log, error);
      const byBlame = known.blame === 'kernel' || known.blame === 'environment' ? 500 : 422;
      ctx.status = STATUS[known.code] ?? (known.code === 'NOT_FOUND' ? 404 : byBlame);
      if (ctx.status === 413) ctx.set('Connection', 'close');
      ctx.body = known.toJSON();
    }
  };

function bug(log: Logger, error: unknown): MezzoError {
  log.error(`plugin API: ${messageOf(error)}`, { error });
  return new MezzoError('INTERNAL', 'internal error: the log of the daemon has more', { blame: 'kernel' });
}
