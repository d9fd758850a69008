import type { CheckInfo, Environment, HealthCheck, TaskInfo } from '@mezzo/sdk/api';

/** Why a task cannot run as it is described, in the field's words. Undefined when it can, as far as its description goes. */
export const fieldsError = (info: TaskInfo): string | undefined =>
  durationsError(info) ??
  (info.check && checkError(info.check)) ??
  (info.healthCheck && healthCheckError(info.healthCheck)) ??
  environmentError(info.command?.environment ?? info.executor?.command?.environment);

function durationsError({ killPolicy, maxCompletionTime }: TaskInfo): string | undefined {
  if (Number(killPolicy?.gracePeriod?.nanoseconds ?? 0) < 0)
    return "Task's 'kill_policy.grace_period' must be non-negative";
  return Number(maxCompletionTime?.nanoseconds ?? 0) < 0
    ? "Task's 'max_completion_time' must be non-negative"
    : undefined;
}

const SCHEMES: ReadonlySet<string> = new Set(['http', 'https']);

function healthCheckError(check: HealthCheck): string | undefined {
  if (check.type === undefined) return "HealthCheck must specify 'type'";
  const { scheme } = check.http ?? {};
  if (check.type === 'HTTP' && scheme !== undefined && !SCHEMES.has(scheme))
    return `Unsupported HTTP health check scheme: '${scheme.slice(0, 80)}'`;
  return (
    probeError(check, 'health check') ??
    secondsError(check, [...SECONDS, ['grace_period_seconds', 'gracePeriodSeconds']])
  );
}

const checkError = (check: CheckInfo): string | undefined =>
  check.type === undefined
    ? "CheckInfo must specify 'type'"
    : (probeError(check, 'check') ?? secondsError(check, SECONDS));

function probeError(check: HealthCheck | CheckInfo, what: string): string | undefined {
  const { type = 'UNKNOWN' } = check;
  if (type === 'UNKNOWN') return `'UNKNOWN' is not a valid ${what} type`;
  const field = type.toLowerCase() as 'command' | 'http' | 'tcp';
  if (check[field] === undefined) return `Expecting '${field}' to be set for ${type} ${what}`;
  const path = type === 'HTTP' ? check.http?.path : undefined;
  if (path !== undefined && !path.startsWith('/'))
    return `The path '${path.slice(0, 80)}' of HTTP ${what} must start with '/'`;
  return undefined;
}

type Seconds = 'delaySeconds' | 'intervalSeconds' | 'timeoutSeconds' | 'gracePeriodSeconds';
const SECONDS: readonly (readonly [name: string, property: Seconds])[] = [
  ['delay_seconds', 'delaySeconds'],
  ['interval_seconds', 'intervalSeconds'],
  ['timeout_seconds', 'timeoutSeconds'],
];

function secondsError(check: Partial<Record<Seconds, number>>, names: typeof SECONDS): string | undefined {
  const wrong = names.find(([, property]) => !((check[property] ?? 0) >= 0));
  return wrong && `Expecting '${wrong[0]}' to be non-negative`;
}

function environmentError(environment: Environment | undefined): string | undefined {
  for (const { name, type = 'VALUE', value, secret } of environment?.variables ?? []) {
    const who = `Environment variable '${name.slice(0, 80)}'`;
    if (type === 'UNKNOWN') return `${who} of type 'UNKNOWN' is not allowed`;
    if (type === 'SECRET' && secret === undefined) return `${who} of type 'SECRET' must have a secret set`;
    if (type === 'VALUE' && value === undefined) return `${who} of type 'VALUE' must have a value set`;
  }
  return undefined;
}
