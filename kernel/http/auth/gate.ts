import type { IncomingMessage } from 'node:http';
import type { Authentication, Authenticator, Principal } from '@mezzo/sdk/points/authenticator';
import { textAnswer, type Answer } from '../answer.js';

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
  /** Refuses principals that are claims alone, as a master does. */
  readonly needsValue: boolean;
}

const OWN_TOKENS = 'jwt';
const UNAUTHORIZED = '401 Unauthorized.';
const NO_VALUE = "The request's authenticated principal contains claims, but no value string";

const principals = new WeakMap<IncomingMessage, Principal>();

/** Who makes the request; undefined = nobody was asked. */
export const principalOf = (request: IncomingMessage): Principal | undefined => principals.get(request);

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
    return door && this.ask(door, path, request);
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
    principals.set(request, principal);
    return undefined;
  }
}
