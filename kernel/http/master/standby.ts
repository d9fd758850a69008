import type { MasterInfo } from '@mezzo/sdk/api';
import { textAnswer, type Answer } from '../answer.js';
import type { MasterSite } from './site.js';

/** What each master tells of itself, whether it leads or not. `/redirect/...` is here so that nobody goes round in circles. */
const OWN =
  /^\/(?:$|(?:flags|health|logging\/toggle|metrics|metrics\/snapshot|system\/stats\.json|version)$|(?:files|help|redirect)(?:\/|$))/;

export const addressOf = ({ hostname, port }: MasterInfo): string => `${hostname}:${port}`;

/**
 * The answer of a master that does not lead; undefined = it answers as ever. The one that leads asks for credentials: nothing is
 * told here but where it is.
 */
export function standbyAnswer({ shell: { state }, leader }: MasterSite, url: string): Answer | undefined {
  if (state.epoch > 0 || OWN.test(url.split('?', 1)[0]!)) return undefined;
  const now = leader();
  if (now === undefined) return later('No leader elected');
  if (now.id === state.options.info.id) return later('Master has not finished recovery');
  return { status: 307, headers: { Location: `//${addressOf(now)}/master${url}` } };
}

const later = (why: string): Answer => textAnswer(503, why, { 'Retry-After': '1' });
