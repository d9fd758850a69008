import type { IncomingMessage } from 'node:http';
import type { Action, Authorizer } from '@mezzo/sdk/points/authorizer';
import { textAnswer } from '../answer.js';
import { principalOf } from './callers.js';

export const FORBIDDEN = textAnswer(403, '403 Forbidden.');

/** What the maker of one request may do. `object` undefined: to any. */
export type May = (action: Action, object?: string) => boolean;

const EVERYTHING: May = () => true;

export function mayOf(authorizer: Authorizer | undefined, request: IncomingMessage): May {
  if (authorizer === undefined) return EVERYTHING;
  const principal = principalOf(request);
  return (action, object) => authorizer.approver(principal, action)(object);
}
