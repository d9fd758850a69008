import type { SchedulerCall, SchedulerCallKill } from '@mezzo/sdk/api';
import { asId, type AgentId, type FrameworkId, type TaskId } from '@mezzo/sdk/contract';
import { accept } from './accept.js';
import { registrationDenied } from './authorization.js';
import type { MasterEvent } from './events.js';
import { removeFramework, updateFramework } from './frameworks.js';
import { answerInverseOffers, askAgain } from './inverse-offers.js';
import { revive, suppress } from './ledger.js';
import { decline } from './offers.js';
import { acknowledgeOperation, reconcileOperations } from './operations.js';
import { place } from './placing.js';
import { reconcile, reconcileTask } from './reconcile.js';
import type { Framework } from './state.js';
import { bump, count, log, reply, sendAgent, type Turn } from './turn.js';
import { sendKill } from './tasks.js';
import { acknowledge } from './updates.js';

type Called = Extract<MasterEvent, { type: 'schedulerCalled' }>;

/** Checks in the field's order who calls, answers, then does it. */
export function schedulerCalled(turn: Turn, { request, call, connection, principal }: Called): void {
  const framework = turn.state.frameworks.get(asId<FrameworkId>(call.frameworkId?.value ?? ''));
  if (framework === undefined) return reply(turn, request, 400, 'Framework cannot be found');
  const own = framework.info.principal ?? '';
  if (principal !== undefined && principal !== own) {
    const text = `Authenticated principal '${principal}' does not match principal '${own}' set in \`FrameworkInfo\``;
    return reply(turn, request, 400, text);
  }
  if (framework.connection === undefined) return reply(turn, request, 403, 'Framework is not subscribed');
  if (connection === undefined) {
    return reply(turn, request, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
  }
  if (connection !== framework.connection) {
    const text = `The stream ID '${connection}' included in this request didn't match the stream ID currently associated with framework ID ${framework.id}`;
    return reply(turn, request, 400, text);
  }
  const counted = `calls/${call.type!.toLowerCase()}`;
  bump(framework.counts, counted);
  count(turn, counted);
  if (call.type === 'UPDATE_FRAMEWORK') {
    const { frameworkInfo } = call.updateFramework!;
    const denied = registrationDenied(turn.state, frameworkInfo, framework.id, framework.info.principal);
    if (denied !== undefined) return reply(turn, request, 403, denied);
    const error = updateFramework(turn, framework, call.updateFramework!);
    return reply(turn, request, error === undefined ? 200 : 400, error);
  }
  if (call.type === 'UNKNOWN') return reply(turn, request, 501, `${call.type} is not supported yet`);
  reply(turn, request, 202);
  carryOut(turn, framework, call);
}

function carryOut(turn: Turn, framework: Framework, call: SchedulerCall): void {
  switch (call.type) {
    case 'TEARDOWN':
      return removeFramework(turn, framework);
    case 'ACCEPT':
      return accept(turn, framework, call.accept!);
    case 'DECLINE':
      return decline(
        turn,
        framework,
        (call.decline!.offerIds ?? []).map((id) => id.value),
        call.decline!.filters,
      );
    case 'ACCEPT_INVERSE_OFFERS':
      return answerInverseOffers(turn, framework, 'ACCEPT', call.acceptInverseOffers!);
    case 'DECLINE_INVERSE_OFFERS':
      return answerInverseOffers(turn, framework, 'DECLINE', call.declineInverseOffers!);
    case 'REVIVE':
      return eachRole(turn, framework, call.revive?.roles, (...about) => {
        revive(...about);
        askAgain(turn, framework);
      });
    case 'SUPPRESS':
      return eachRole(turn, framework, call.suppress?.roles, suppress);
    case 'KILL':
      return kill(turn, framework, call.kill!);
    case 'SHUTDOWN': {
      const { agentId, executorId } = call.shutdown!;
      const agent = turn.state.agents.get(asId<AgentId>(agentId.value));
      const ids = { frameworkId: framework.id, executorId: executorId.value };
      return void sendAgent(turn, agent, { type: 'shutdownExecutor', ...ids });
    }
    case 'ACKNOWLEDGE': {
      const { agentId, taskId, uuid } = call.acknowledge!;
      return acknowledge(turn, framework, agentId.value, taskId.value, uuid);
    }
    case 'RECONCILE':
      return reconcile(turn, framework, call.reconcile?.tasks ?? []);
    case 'ACKNOWLEDGE_OPERATION_STATUS': {
      const { operationId, uuid } = call.acknowledgeOperationStatus!;
      return acknowledgeOperation(turn, framework, operationId.value, uuid);
    }
    case 'RECONCILE_OPERATIONS':
      return reconcileOperations(turn, framework, call.reconcileOperations?.operations ?? []);
    case 'MESSAGE': {
      const { agentId, executorId, data } = call.message!;
      const agent = turn.state.agents.get(asId<AgentId>(agentId.value));
      const ids = { frameworkId: framework.id, executorId: executorId.value };
      const isTold = sendAgent(turn, agent, { type: 'message', ...ids, data });
      return count(turn, `${isTold ? 'valid' : 'invalid'}_framework_to_executor_messages`);
    }
    case 'REQUEST':
      return place(turn, framework, call.request?.requests ?? []);
  }
}

/** All roles when none are named. One that is not the framework's spoils the call. */
function eachRole(
  turn: Turn,
  framework: Framework,
  named: readonly string[] | undefined,
  change: (turn: Turn, framework: Framework, roles: readonly string[]) => void,
): void {
  const roles = named === undefined || named.length === 0 ? framework.roles : named;
  const own = new Set(framework.roles);
  const stray = roles.find((role) => !own.has(role));
  if (stray === undefined) change(turn, framework, roles);
  else log(turn, 'warn', 'call for a role that the framework has not', { framework: framework.id, role: stray });
}

function kill(turn: Turn, framework: Framework, { taskId, agentId, killPolicy }: SchedulerCallKill): void {
  const task = framework.tasks.get(asId<TaskId>(taskId.value));
  if (task === undefined) return reconcileTask(turn, framework, taskId.value, agentId?.value);
  if (agentId !== undefined && agentId.value !== task.agentId) {
    return log(turn, 'warn', 'kill names the wrong agent', { task: task.taskId, agent: agentId.value });
  }
  task.kill = killPolicy ? { killPolicy } : {};
  sendKill(turn, task);
}
