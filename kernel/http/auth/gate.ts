import type { IncomingMessage } from 'node:http';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';
import type { Authentication, Authenticator, Principal } from '@mezzo/sdk/points/authenticator';
import { AUTHORIZED_PATHS } from '../../core/authorizer/acls.js';
import { textAnswer, type Answer } from '../answer.js';
import { principalOf, rememberPrincipal } from './callers.js';
import { FORBIDDEN, mayOf, type May } from './permission.js';
import { isPathBeyond } from './plugin-bounds.js';
import type { RateLimiter } from './rate-limits.js';

/** A part of the API that asks who calls. */
export interface Door {
  /** Shown in challenges. */
  readonly realm: string;
  /** Names of the authenticators to ask, in turn. Tokens of the cluster's own parts are good at every door, also when not named here. */
  readonly authenticators: readonly string[];
}

export interface GateOptions {
  readonly doors: readonly Door[];
  /** The door that a path lies behind; undefined = everybody may come in. */
  readonly doorOf: (path: string) => Door | undefined;
  readonly authenticators: readonly Authenticator[];
  readonly authorizer?: Authorizer | undefined;
  readonly limiter?: RateLimiter | undefined;
  /** Refuses principals that are claims alone, as a master does. */
  readonly needsValue: boolean;
}

const OWN_TOKENS = 'jwt';
const SCHEDULER_PATH = '/api/v1/scheduler';
const UNAUTHORIZED = '401 Unauthorized.';
const NO_VALUE = "The request's authenticated principal contains claims, but no value string";

/** Paths that show something of the daemon itself. The numbers are the same in both forms. */
function mayGet(may: May, given: string): boolean {
  const path = given.toLowerCase();
  const asked = path === '/metrics' ? '/metrics/snapshot' : path;
  return !AUTHORIZED_PATHS.has(asked) || may('get_endpoints', asked);
}

/** Lets in whom an authenticator knows. */
export class Gate {
  private readonly authenticators = new Map<string, Authenticator>();

  constructor(private readonly options: GateOptions) {
    this.add(options.authenticators);
  }

  /** Those of plugins, once these are there. */
  add(authenticators: readonly Authenticator[]): void {
    for (const one of authenticators) this.authenticators.set(one.name, one);
  }

  /** Names that no authenticator has (yet). */
  missing(doors = this.options.doors): string[] {
    const names = new Set(doors.flatMap(({ authenticators }) => authenticators));
    return [...names].filter((name) => !this.authenticators.has(name));
  }

  /** Undefined: may come in without a word. Else answers the refusal, or undefined and `principalOf` knows from now on. */
  admit(path: string, request: IncomingMessage): Promise<Answer | undefined> | undefined {
    const door = this.options.doorOf(path);
    if (door === undefined && this.options.authorizer === undefined) return undefined;
    return this.check(door, path, request);
  }

  private async check(door: Door | undefined, path: string, request: IncomingMessage): Promise<Answer | undefined> {
    const refusal = (door && (await this.ask(door, path, request))) ?? this.limit(path, request);
    if (refusal === undefined && isPathBeyond(request, path)) return FORBIDDEN;
    return refusal ?? (mayGet(mayOf(this.options.authorizer, request), path) ? undefined : FORBIDDEN);
  }

  /** Frameworks that nobody asked who they are tell in their calls: these are limited where they are read. */
  private limit(path: string, request: IncomingMessage): Answer | undefined {
    const principal = principalOf(request)?.value;
    return principal === undefined ? undefined : this.options.limiter?.check(principal, path === SCHEDULER_PATH);
  }

  private async ask(door: Door, path: string, request: IncomingMessage): Promise<Answer | undefined> {
    const [missing] = this.missing([door]);
    if (missing !== undefined)
      return textAnswer(503, `The authenticator '${missing}' is not there yet`, { 'Retry-After': '1' });
    const challenges: string[] = [];
    const refusals: string[] = [];
    for (const name of new Set([...door.authenticators, OWN_TOKENS])) {
      const answer = await this.askOne(name, door, path, request);
      if (answer !== undefined && 'principal' in answer) return this.welcome(request, answer.principal);
      if (!door.authenticators.includes(name) || answer === undefined) continue;
      if ('challenge' in answer) challenges.push(answer.challenge);
      else refusals.push(answer.forbidden);
    }
    if (challenges.length > 0 || refusals.length === 0)
      return textAnswer(401, UNAUTHORIZED, { 'WWW-Authenticate': challenges.join(', ') });
    return textAnswer(403, refusals.join('\n'));
  }

  private async askOne(
    name: string,
    { realm }: Door,
    path: string,
    { method = '', headers }: IncomingMessage,
  ): Promise<Authentication | undefined> {
    try {
      return await this.authenticators.get(name)?.authenticate({ method, path, headers }, realm);
    } catch {
      return { challenge: `${name} realm="${realm}"` };
    }
  }

  private welcome(request: IncomingMessage, principal: Principal): Answer | undefined {
    if (this.options.needsValue && principal.value === undefined) return textAnswer(403, NO_VALUE);
    rememberPrincipal(request, principal);
    return undefined;
  }
}
