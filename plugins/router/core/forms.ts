/** Where to go after a sign-in: a path of this very site, else the start page. */
export const localRedirect = (wanted: string | undefined): string =>
  wanted !== undefined && /^\/(?![/\\])[^\\\u0000-\u001f]*$/.test(wanted) ? wanted : '/';

export const UID = /^[a-zA-Z0-9\-_@.]{1,96}$/;
export const PASSWORD_MIN_CHARS = 5;
export const PASSWORD_MAX_CHARS = 1024;

export interface Credentials {
  readonly uid: string;
  readonly password: string;
}

/** The name and password of a login, or what is wrong with it. */
export function credentialsOf(body: unknown): Credentials | 'service-login' | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { uid, password, token } = body as Record<string, unknown>;
  if (token !== undefined) return password === undefined ? 'service-login' : undefined;
  if (typeof uid !== 'string' || typeof password !== 'string') return undefined;
  return password.length <= PASSWORD_MAX_CHARS && uid.length <= 96 ? { uid, password } : undefined;
}
