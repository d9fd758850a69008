import { textAnswer, type Answer } from './answer.js';
import type { DoorPlan } from './auth/doors.js';

/** Who answers requests that name nobody: `/master/state` is `/state`. */
export interface HelpOptions {
  readonly id: string;
  readonly plan: DoorPlan<string>;
  readonly page: Answer;
}

/** `/help`, `/help/ID` and `/help/ID/NAME`: one page for whatever there is; 400 for the rest, as in the field. */
export function helpAnswer(path: string, { id, plan, page }: HelpOptions): Answer {
  const [who, name, ...more] = path.split('/').filter((part) => part !== '');
  if (who === undefined) return page;
  if (more.length > 0) return refused(`Malformed URL, expecting '/help/id/name/'`);
  const paths = [...plan.open, ...Object.values(plan.parts).flat()];
  const isKnown = (wanted: string): boolean =>
    paths.some((one) => one === wanted || (one.length > 1 && one.endsWith('/') && wanted.startsWith(one)));
  if (name !== undefined && isKnown(who === id ? `/${name}` : `/${who}/${name}`)) return page;
  if (name === undefined && (who === id || paths.some((one) => one.startsWith(`/${who}/`)))) return page;
  return refused(`No help available for '/${[who, ...(name === undefined ? [] : [name])].join('/').slice(0, 200)}'.`);
}

const refused = (text: string): Answer => textAnswer(400, `${text}\n`);
