import Router from 'koa-router';
import type { Context } from 'koa';
import { MezzoError } from '@mezzo/sdk/contract';
import { credentialsOf, PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, UID } from '../core/forms.js';
import { CHALLENGE, wantsHtml } from './answers.js';
import { clientIp, readJson } from './bodies.js';
import { signInCookies, signOutCookies } from './cookies.js';
import { isInvalidLogin, type Login } from './login.js';
import type { Passwords } from './passwords.js';
import type { Tokens } from './tokens.js';
import type { User, Users } from './users.js';

export interface Iam {
  readonly users: Users;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly login: Login;
  readonly tokenTtlSeconds: number;
}

const PROVIDERS = {
  'dcos-users': {
    'authentication-type': 'dcos-uid-password',
    'client-method': 'dcos-usercredential-post-receive-authtoken',
    config: { start_flow_url: '/acs/api/v1/auth/login' },
    description: 'Default DC/OS login provider',
  },
};

/** `/acs/api/v1`: sign-in, and users. Who may call what was decided before. */
export function iamRoutes(iam: Iam): Router {
  const router = new Router({ prefix: '/acs/api/v1' });
  router.get('/auth/providers', (ctx) => void (ctx.body = PROVIDERS));
  // Tokens are signed with a key that only the cluster has: there is no public one to show.
  router.get('/auth/jwks', (ctx) => void (ctx.body = { keys: [] }));
  router.post('/auth/login', (ctx) => signIn(ctx, iam));
  router.get('/auth/logout', (ctx) => {
    ctx.set('set-cookie', signOutCookies());
    if (wantsHtml(ctx.get('accept'))) ctx.redirect('/login');
    else ctx.body = {};
  });
  router.get('/users', async (ctx) => {
    const users = ctx.query['type'] === 'service' ? [] : await iam.users.list();
    ctx.body = { array: users.map(shown) };
  });
  router.get('/users/:uid', async (ctx) => void (ctx.body = shown(await known(iam, ctx.params['uid']))));
  router.put('/users/:uid', (ctx) => create(ctx, iam, ctx.params['uid'] ?? ''));
  router.patch('/users/:uid', (ctx) => change(ctx, iam, ctx.params['uid'] ?? ''));
  router.delete('/users/:uid', async (ctx) => {
    const { uid } = await known(iam, ctx.params['uid']);
    await revoke(iam, uid, undefined);
    ctx.status = 204;
  });
  return router;
}

async function signIn(ctx: Context, iam: Iam): Promise<void> {
  const credentials = credentialsOf(await readJson(ctx.req));
  if (credentials === 'service-login')
    throw problem(501, 'ERR_NOT_SUPPORTED', 'not supported yet: signing in with a service key');
  if (credentials === undefined) throw problem(400, 'ERR_INVALID_DATA', 'uid and password are needed');
  try {
    const signedIn = await iam.login.withPassword(credentials, clientIp(ctx.req));
    ctx.set('set-cookie', signInCookies(signedIn, iam.tokenTtlSeconds));
    ctx.body = { token: signedIn.token };
  } catch (error) {
    if (!isInvalidLogin(error)) throw error;
    ctx.set('www-authenticate', CHALLENGE);
    throw problem(401, 'ERR_INVALID_CREDENTIALS', 'user name or password is wrong');
  }
}

async function create(ctx: Context, iam: Iam, uid: string): Promise<void> {
  if (!UID.test(uid) || uid === 'anonymous')
    throw problem(400, 'ERR_INVALID_USER_ID', `"${uid}" cannot be a user name`);
  const body = await fields(ctx);
  if ('public_key' in body) throw problem(501, 'ERR_NOT_SUPPORTED', 'not supported yet: service accounts');
  if (await iam.users.get(uid)) throw problem(409, 'ERR_USER_EXISTS', `user ${uid} exists already`);
  const password = await iam.passwords.hash(passwordOf(body));
  const description = typeof body['description'] === 'string' ? body['description'] : '';
  await iam.users.put({ uid, description, password, createdAt: new Date().toISOString() });
  ctx.status = 201;
  ctx.body = '';
}

async function change(ctx: Context, iam: Iam, uid: string): Promise<void> {
  const user = await known(iam, uid);
  const body = await fields(ctx);
  if (!('password' in body) && !('description' in body))
    throw problem(400, 'ERR_INVALID_DATA', 'password or description is needed');
  const description = typeof body['description'] === 'string' ? body['description'] : user.description;
  if ('password' in body) {
    const password = await iam.passwords.hash(passwordOf(body));
    await revoke(iam, uid, { ...user, description, password });
  } else await iam.users.put({ ...user, description });
  ctx.status = 204;
}

/** A token that was stolen must not outlive the change that was made because of it. */
async function revoke(iam: Iam, uid: string, user: User | undefined): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  await iam.users.replace(uid, user, now);
  iam.tokens.revoke(uid, now);
}

async function known(iam: Iam, uid: string | undefined): Promise<User> {
  const user = uid === undefined ? undefined : await iam.users.get(uid);
  if (user === undefined) throw problem(400, 'ERR_UNKNOWN_USER_ID', `there is no user ${uid}`);
  return user;
}

async function fields(ctx: Context): Promise<Record<string, unknown>> {
  const body = await readJson(ctx.req);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw problem(400, 'ERR_INVALID_DATA', 'a JSON object is needed');
}

function passwordOf({ password }: Record<string, unknown>): string {
  if (typeof password === 'string' && password.length >= PASSWORD_MIN_CHARS && password.length <= PASSWORD_MAX_CHARS)
    return password;
  throw problem(
    400,
    'ERR_INVALID_DATA',
    `a password of ${PASSWORD_MIN_CHARS} to ${PASSWORD_MAX_CHARS} characters is needed`,
  );
}

const shown = ({ uid, description }: User) => ({
  uid,
  url: `/acs/api/v1/users/${uid}`,
  description,
  is_remote: false,
  is_service: false,
  provider_type: 'internal',
});

/** An answer of {title, description, code}. */
export const problem = (status: number, code: string, description: string): MezzoError =>
  new MezzoError(code, description, { blame: 'user', details: { status } });
