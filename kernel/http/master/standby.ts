import type { IncomingMessage } from 'node:http';
import type { MasterInfo } from '@mezzo/sdk/api';
import { textAnswer, type Answer } from '../answer.js';
import type { MasterSite } from './site.js';

/** What each master tells of itself, whether it leads or not. `/redirect/...` is here so that nobody goes round in circles. */
const OWN =
  /^\/(?:$|(?:flags|health|logging\/toggle|metrics|metrics\/snapshot|system\/stats\.json|version)$|(?:files|help|redirect)(?:\/|$))/;

export const addressOf = ({ hostname, port }: MasterInfo): string => `${hostname}:${port}`;

/**
 * The answer of a master that does not lead; undefined = it answers as ever. The one that leads asks for credentials: nothing is
 * told here but where it is, and what it answered to the same credentials.
 */
export function standbyAnswer(
  site: MasterSite,
  request: IncomingMessage,
): Answer | undefined | Promise<Answer | undefined> {
  const url = request.url ?? '/';
  const leads = () => site.shell.state.epoch > 0;
  if (leads() || OWN.test(url.split('?', 1)[0]!)) return undefined;
  const copy = site.copies.answer(request);
  return copy === undefined
    ? whereTo(site, url)
    : copy.then((answer) => answer ?? (leads() ? undefined : whereTo(site, url)));
}

function whereTo({ shell: { state }, leader }: MasterSite, url: string): Answer {
  const now = leader();
  if (now === undefined) return later('No leader elected');
  // Also one that died here, and whose session is not over: whoever is sent to it comes back to us.
  if (addressOf(now) === addressOf(state.options.info)) return later('Master has not finished recovery');
  return { status: 307, headers: { Location: `//${addressOf(now)}/master${url}` } };
}

const later = (why: string): Answer => textAnswer(503, why, { 'Retry-After': '1' });
