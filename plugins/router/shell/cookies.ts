import { AUTH_COOKIE, INFO_COOKIE } from '../core/headers.js';
import type { SignedIn } from './login.js';

/** The pair of cookies that a sign-in sets: the token, out of reach of scripts, and who it is, for the web interface. */
export function signInCookies({ user, token }: SignedIn, ttlSeconds: number): string[] {
  const info = JSON.stringify({ uid: user.uid, description: user.description, is_remote: false });
  // A little shorter than the token, so that a browser never sends one that has ended.
  const maxAge = Math.max(1, Math.floor(ttlSeconds * 0.95));
  const common = `Path=/; Max-Age=${maxAge}; SameSite=Lax`;
  return [
    `${AUTH_COOKIE}=${token}; ${common}; HttpOnly`,
    `${INFO_COOKIE}=${Buffer.from(info).toString('base64')}; ${common}`,
  ];
}

export const signOutCookies = (): string[] => [
  `${AUTH_COOKIE}=; Path=/; Max-Age=0; SameSite=Lax; HttpOnly`,
  `${INFO_COOKIE}=; Path=/; Max-Age=0; SameSite=Lax`,
];
