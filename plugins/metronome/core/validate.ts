import { constraintProblem } from '@mezzo/sdk/framework';
import { ScheduleError } from './cron/fields.js';
import { dependencyViolations } from './dependencies.js';
import type { Job, RunSpec, Schedule } from './job.js';
import { recurrenceOf } from './recurrence.js';
import { whenOf } from './records.js';
import { invalid, type Violation } from './refusal.js';
import type { MetronomeState } from './state.js';

/** What shapes and ranges do not say. Throws a Refusal with everything that is wrong. */
export function checkJob(state: MetronomeState, job: Job): void {
  const ids = job.schedules.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  const found = [
    ...runViolations(job.run),
    ...job.schedules.flatMap((schedule, index) => scheduleViolations(schedule, `/schedules(${index})`)),
    ...(twice === undefined ? [] : [{ path: '/schedules', error: `the id '${twice}' is there twice` }]),
    ...dependencyViolations(state, job),
  ];
  if (found.length > 0) throw invalid(found);
}

export function checkSchedule(schedule: Schedule, path = ''): void {
  const found = scheduleViolations(schedule, path);
  if (found.length > 0) throw invalid(found);
}

function scheduleViolations(schedule: Schedule, path: string): Violation[] {
  if ((schedule.cron === undefined) === (schedule.iso8601 === undefined))
    return [{ path: `${path}/cron`, error: 'a schedule needs either cron or iso8601' }];
  try {
    recurrenceOf(whenOf(schedule));
    return [];
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    const field = error.message.startsWith('no time zone')
      ? 'timezone'
      : schedule.cron === undefined
        ? 'iso8601'
        : 'cron';
    return [{ path: `${path}/${field}`, error: error.message }];
  }
}

type Rule = (run: RunSpec) => string | undefined;

const RULES: readonly (readonly [path: string, rule: Rule])[] = [
  [
    '/run',
    ({ cmd, args = [], docker, ucr }) =>
      (cmd ?? args[0] ?? docker ?? ucr) === undefined ? 'one of cmd, args, docker or ucr is needed' : undefined,
  ],
  [
    '/run',
    ({ cmd, args }) => (cmd !== undefined && args !== undefined ? 'cmd and args exclude each other' : undefined),
  ],
  ['/run', ({ docker, ucr }) => (docker && ucr ? 'docker and ucr exclude each other' : undefined)],
  ['/run/ucr/image/kind', ({ ucr }) => (ucr?.image.kind === 'appc' ? 'appc images are not supported' : undefined)],
  ['/run/ucr/privileged', ({ ucr }) => (ucr?.privileged ? 'is not supported yet' : undefined)],
  ['/run/secrets', ({ secrets }) => (Object.keys(secrets).length > 0 ? 'secrets are not supported yet' : undefined)],
  [
    '/run/env',
    ({ env, secrets }) => {
      const unknown = Object.values(env).find(
        (value) => typeof value !== 'string' && secrets[value.secret] === undefined,
      );
      return typeof unknown === 'object' ? `no secret '${unknown.secret}' is declared` : undefined;
    },
  ],
  [
    '/run/volumes',
    ({ volumes }) => (volumes.some(({ secret }) => secret !== undefined) ? 'secrets are not supported yet' : undefined),
  ],
  [
    '/run/volumes',
    ({ volumes }) =>
      volumes.some(
        ({ secret, hostPath, mode }) => secret === undefined && (hostPath === undefined || mode === undefined),
      )
        ? 'a volume needs hostPath and mode'
        : undefined,
  ],
  [
    '/run/networks',
    ({ networks }) =>
      networks.some(({ mode, name }) => mode === 'container' && name === undefined)
        ? 'a container network needs a name'
        : undefined,
  ],
  [
    '/run/networks',
    ({ networks, docker, ucr }) =>
      networks.some(({ mode }) => mode !== 'host') && (docker ?? ucr) === undefined
        ? 'only docker and ucr have networks of their own'
        : undefined,
  ],
];

function runViolations(run: RunSpec): Violation[] {
  const found = RULES.flatMap(([path, rule]) => {
    const error = rule(run);
    return error === undefined ? [] : [{ path, error }];
  });
  run.placement.constraints.forEach(({ attribute, operator, value }, index) => {
    const error = constraintProblem([attribute, operator, value]);
    if (error !== undefined) found.push({ path: `/run/placement/constraints(${index})`, error });
  });
  return found;
}
