import { isTerminal } from '@mezzo/sdk/contract';
import type { CheckInfo, CheckStatusInfo, HealthCheck } from '@mezzo/sdk/api';
import { probeKey, vesselOf } from './books.js';
import type { Probe } from './effects.js';
import type { ProbeOutcome } from './events.js';
import { killTask } from './kill.js';
import { commandOf, podEnvironment } from './spec.js';
import { type AgentState, type ProbeState, type Run, type Task } from './state.js';
import { emit, type Turn } from './turn.js';
import { report } from './updates.js';

/** Health checks (HealthCheck) decide about the task's life; checks (CheckInfo) are the same probes, only reported. */
type Kind = 'health' | 'check';

export function startProbes(turn: Turn, run: Run, task: Task): void {
  for (const kind of ['health', 'check'] as const) {
    const plan = planOf(kind, task);
    if (plan === undefined) continue;
    task.probes.set(kind, { startedAtMs: turn.atMs, failures: 0, initializing: true });
    emit(turn, { type: 'setTimer', key: probeKey(kind, run, task), delayMs: secondsToMs(plan.delaySeconds, 15) });
  }
}

export function probeDue(turn: Turn, kind: Kind, run: Run, task: Task): void {
  const plan = planOf(kind, task);
  const probe = plan && probeOf(turn.state, run, task, plan);
  if (plan === undefined || probe === undefined || !task.probes.has(kind)) return;
  const vessel = vesselOf(turn.state, run, task);
  if (vessel === undefined) return;
  const { containerizer, containerId } = vessel;
  const timeoutMs = secondsToMs(plan.timeoutSeconds, 20) || 60_000;
  emit(turn, { type: 'probe', key: probeKey(kind, run, task), containerizer, containerId, probe, timeoutMs });
}

export function probeDone(turn: Turn, kind: Kind, run: Run, task: Task, outcome: ProbeOutcome): void {
  const probe = task.probes.get(kind);
  const plan = planOf(kind, task);
  if (probe === undefined || plan === undefined || isTerminal(task.state)) return;
  const delayMs = Math.max(secondsToMs(plan.intervalSeconds, 10), 100);
  emit(turn, { type: 'setTimer', key: probeKey(kind, run, task), delayMs });
  if (kind === 'check') return checked(turn, run, task, outcome);
  if (succeeded(outcome)) return healthy(turn, run, task, probe);
  unhealthy(turn, run, task, probe, outcome);
}

function healthy(turn: Turn, run: Run, task: Task, probe: ProbeState): void {
  const before = task.healthy;
  Object.assign(probe, { failures: 0, initializing: false });
  task.healthy = true;
  if (before !== true) reportHealth(turn, run, task);
}

function unhealthy(turn: Turn, run: Run, task: Task, probe: ProbeState, outcome: ProbeOutcome): void {
  const plan = task.info.healthCheck;
  const graceMs = secondsToMs(plan?.gracePeriodSeconds, 10);
  if (probe.initializing && turn.atMs - probe.startedAtMs <= graceMs) return;
  probe.failures += 1;
  task.healthy = false;
  reportHealth(turn, run, task, `Task failed its health check: ${describe(outcome)}`);
  if (probe.failures >= (plan?.consecutiveFailures ?? 3)) killTask(turn, run.frameworkId, task.info.taskId.value);
}

function reportHealth(turn: Turn, run: Run, task: Task, message?: string): void {
  if (task.state !== 'TASK_RUNNING') return;
  const reason = 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED';
  report(turn, run, task, 'TASK_RUNNING', { reason, ...(message !== undefined && { message }) });
}

function checked(turn: Turn, run: Run, task: Task, outcome: ProbeOutcome): void {
  const status = checkStatusOf(task.info.check, outcome);
  if (JSON.stringify(status) === JSON.stringify(task.checkStatus)) return;
  task.checkStatus = status;
  if (task.state === 'TASK_RUNNING')
    report(turn, run, task, 'TASK_RUNNING', { reason: 'REASON_TASK_CHECK_STATUS_UPDATED' });
}

/** The status of a check; without an outcome: not known yet. */
export function checkStatusOf(check: CheckInfo | undefined, outcome?: ProbeOutcome): CheckStatusInfo | undefined {
  switch (check?.type) {
    case 'COMMAND':
      return { type: 'COMMAND', command: outcome?.kind === 'exit' ? { exitCode: outcome.code } : {} };
    case 'HTTP':
      return { type: 'HTTP', http: outcome?.kind === 'http' ? { statusCode: outcome.status } : {} };
    case 'TCP':
      return { type: 'TCP', tcp: outcome?.kind === 'tcp' ? { succeeded: outcome.connected } : {} };
    default:
      return undefined;
  }
}

const planOf = (kind: Kind, task: Task): HealthCheck | CheckInfo | undefined =>
  kind === 'health' ? task.info.healthCheck : task.info.check;

function probeOf(state: AgentState, run: Run, task: Task, plan: HealthCheck | CheckInfo): Probe | undefined {
  const host = run.network?.ipAddresses[0] ?? '127.0.0.1';
  if (plan.type === 'TCP' && plan.tcp !== undefined) return { kind: 'tcp', host, port: plan.tcp.port };
  if (plan.type === 'HTTP' && plan.http !== undefined) {
    const scheme = 'scheme' in plan.http ? (plan.http.scheme ?? 'http') : 'http';
    return { kind: 'http', host, scheme, port: plan.http.port, path: plan.http.path ?? '/' };
  }
  const command = plan.command && 'command' in plan.command ? plan.command.command : plan.command;
  if (plan.type !== 'COMMAND' || command === undefined) return undefined;
  const inner = run.kind === 'default' ? vesselOf(state, run, task) : undefined;
  const more = inner && podEnvironment(state, run, task.info, inner.directory);
  return { kind: 'command', command: commandOf(state, run, command, task.info.command, more) };
}

function succeeded(outcome: ProbeOutcome): boolean {
  switch (outcome.kind) {
    case 'exit':
      return outcome.code === 0;
    case 'http':
      return outcome.status >= 200 && outcome.status < 400;
    case 'tcp':
      return outcome.connected;
    case 'failed':
      return false;
  }
}

function describe(outcome: ProbeOutcome): string {
  switch (outcome.kind) {
    case 'exit':
      return `command exited with status ${outcome.code}`;
    case 'http':
      return `HTTP status ${outcome.status}`;
    case 'tcp':
      return 'connection refused';
    case 'failed':
      return outcome.message;
  }
}

/** The longest that a timer of the machine can wait. */
const MAX_MS = 2 ** 31 - 1;

function secondsToMs(seconds: number | undefined, fallback: number): number {
  const ms = Math.round((seconds ?? fallback) * 1000);
  return ms > 0 ? Math.min(ms, MAX_MS) : 0;
}
