import { expect, test } from 'vitest';
import type { TaskInfo } from '@mezzo/sdk/api';
import { MasterHarness, task } from '../../../tests/support/master-harness.js';

const nanoseconds = (n: number) => ({ nanoseconds: n });
const command = { value: 'true' };
const variable = (more: object) => ({ value: 'true', environment: { variables: [{ name: 'A', ...more }] } });

const WRONG: [Partial<TaskInfo>, string][] = [
  [{ killPolicy: { gracePeriod: nanoseconds(-1) } }, "Task's 'kill_policy.grace_period' must be non-negative"],
  [{ maxCompletionTime: nanoseconds(-5e9) }, "Task's 'max_completion_time' must be non-negative"],
  [{ healthCheck: { command } }, "HealthCheck must specify 'type'"],
  [{ healthCheck: { type: 'UNKNOWN' } }, "'UNKNOWN' is not a valid health check type"],
  [{ healthCheck: { type: 'COMMAND' } }, "Expecting 'command' to be set for COMMAND health check"],
  [{ healthCheck: { type: 'HTTP' } }, "Expecting 'http' to be set for HTTP health check"],
  [{ healthCheck: { type: 'TCP' } }, "Expecting 'tcp' to be set for TCP health check"],
  [{ healthCheck: { type: 'HTTP', http: { port: 80, scheme: 'ftp' } } }, "Unsupported HTTP health check scheme: 'ftp'"],
  [
    { healthCheck: { type: 'HTTP', http: { port: 80, path: 'x' } } },
    "The path 'x' of HTTP health check must start with '/'",
  ],
  [{ healthCheck: { type: 'COMMAND', command, delaySeconds: -1 } }, "Expecting 'delay_seconds' to be non-negative"],
  [
    { healthCheck: { type: 'COMMAND', command, gracePeriodSeconds: -0.1 } },
    "Expecting 'grace_period_seconds' to be non-negative",
  ],
  [
    { healthCheck: { type: 'COMMAND', command, intervalSeconds: NaN } },
    "Expecting 'interval_seconds' to be non-negative",
  ],
  [{ check: {} }, "CheckInfo must specify 'type'"],
  [{ check: { type: 'TCP' } }, "Expecting 'tcp' to be set for TCP check"],
  [
    { check: { type: 'COMMAND', command: { command }, timeoutSeconds: -1 } },
    "Expecting 'timeout_seconds' to be non-negative",
  ],
  [{ command: variable({}) }, "Environment variable 'A' of type 'VALUE' must have a value set"],
  [{ command: variable({ type: 'SECRET' }) }, "Environment variable 'A' of type 'SECRET' must have a secret set"],
  [{ command: variable({ type: 'UNKNOWN', value: 'x' }) }, "Environment variable 'A' of type 'UNKNOWN' is not allowed"],
];

function launched(more: Partial<TaskInfo>) {
  const master = new MasterHarness();
  const scheduler = master.scheduler();
  const agent = master.agent();
  scheduler.launch(scheduler.offers, task('t', scheduler.offers[0]!, undefined, more));
  return { status: scheduler.lastStatus, tasks: agent.of('runTask').length };
}

test.each(WRONG)('a task with %j is in error', (more, message) => {
  const { status, tasks } = launched(more);
  expect(status).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID', message });
  expect(tasks).toBe(0);
});

test.each<Partial<TaskInfo>>([
  { healthCheck: { type: 'COMMAND', command, delaySeconds: 0, intervalSeconds: Infinity } },
  { healthCheck: { type: 'HTTP', http: { port: 80, path: '/health', scheme: 'https' } } },
  { check: { type: 'TCP', tcp: { port: 80 } }, killPolicy: { gracePeriod: nanoseconds(0) } },
  { command: variable({ value: '' }), maxCompletionTime: nanoseconds(5e9) },
])('a task with %j is launched', (more) => {
  expect(launched(more)).toEqual({ status: undefined, tasks: 1 });
});
