import type { ExecutorID, TaskStatus } from '@mezzo/sdk/api';
import { asId, type AgentId, type FrameworkId, type TaskId, isTerminal } from '@mezzo/sdk/contract';
import type { UpCall } from '../protocol.js';
import { firm, resourceError, Resources } from '../resources/index.js';
import type { MasterEvent } from './events.js';
import { agentChanged, totalChanged } from './ledger.js';
import { removeAgent } from './liveness.js';
import { rescindOffer, rescindOffersOf } from './offers.js';
import { afterUnheard, operationUpdated } from './operations.js';
import { type Agent, type Framework } from './state.js';
import { amend, completeTask, executorExited, forward, publishUpdate, recordStatus, setTaskState } from './tasks.js';
import { count, log, reply, sendAgent, sendScheduler, type Turn } from './turn.js';

type AgentCalled = Extract<MasterEvent, { type: 'agentCalled' }>;

export function agentCalled(turn: Turn, { request, batch }: AgentCalled): void {
  const { sessions, agents } = turn.state;
  const agent = agents.get(sessions.get(asId(batch.session))!);
  if (agent === undefined) return reply(turn, request, 409, 'Unknown session');
  if (batch.seq > agent.upSeq + 1)
    return reply(turn, request, 409, `Expected batch ${agent.upSeq + 1}, not ${batch.seq}`);
  agent.answered = true;
  agent.knowsId = true;
  reply(turn, request, 202);
  // A batch that came twice was carried out the first time.
  if (batch.seq <= agent.upSeq) return;
  agent.upSeq = batch.seq;
  for (const call of batch.calls) if (agents.get(agent.id) === agent) carryOut(turn, agent, call);
}

function carryOut(turn: Turn, agent: Agent, call: UpCall): void {
  if (!Object.hasOwn(handlers, call.type)) return log(turn, 'warn', 'unknown call of an agent', { agent: agent.id });
  count(turn, `up/${call.type}`);
  const handle = handlers[call.type] as (turn: Turn, agent: Agent, call: UpCall) => void;
  handle(turn, agent, call);
}

const handlers: { readonly [Type in UpCall['type']]: (turn: Turn, agent: Agent, call: Call<Type>) => void } = {
  pong: () => {},
  statusUpdate,
  message,
  executorExited: (turn, agent, call) => executorExited(turn, agent, call.frameworkId, call.executorId, call.status),
  updateResources,
  operationUpdated: (turn, agent, { operation }) => operationUpdated(turn, agent, operation),
  unregister: (turn, agent) =>
    removeAgent(turn, agent, {
      state: 'TASK_GONE',
      message: 'agent unregistered',
      why: 'unregistered',
      fate: undefined,
    }),
};

const frameworkOf = (turn: Turn, id: string): Framework | undefined => turn.state.frameworks.get(asId<FrameworkId>(id));

type Call<Type extends UpCall['type']> = Extract<UpCall, { type: Type }>;

/** At least once, in order for each task. The task's own record follows the agent's latest state, not the one under way. */
function statusUpdate(turn: Turn, agent: Agent, { frameworkId, status, latestState }: Call<'statusUpdate'>): void {
  const framework = frameworkOf(turn, frameworkId);
  if (framework === undefined) {
    count(turn, 'invalid_status_updates');
    return void sendAgent(turn, agent, { type: 'shutdownFramework', frameworkId });
  }
  count(turn, 'valid_status_updates');
  const told: TaskStatus = { ...status, agentId: { value: agent.id } };
  const task = framework.tasks.get(asId<TaskId>(status.taskId.value));
  if (task !== undefined && task.agentId === agent.id) {
    const again = task.message.statusUpdateUuid !== undefined && task.message.statusUpdateUuid === status.uuid;
    if (!again) amend(task, { statusUpdateState: status.state, statusUpdateUuid: status.uuid });
    task.unacknowledged = told;
    if (!isTerminal(task.message.state)) setTaskState(turn, task, latestState);
    if (!again) {
      recordStatus(task, told);
      publishUpdate(turn, framework.id, told, task.message.state);
    }
  }
  forward(turn, framework, told);
}

function message(turn: Turn, agent: Agent, { frameworkId, executorId, data }: Call<'message'>): void {
  const framework = frameworkOf(turn, frameworkId);
  count(turn, `${framework ? 'valid' : 'invalid'}_executor_to_framework_messages`);
  const ids = { agentId: { value: agent.id }, executorId: { value: executorId } satisfies ExecutorID };
  if (framework) sendScheduler(turn, framework, { type: 'MESSAGE', message: { ...ids, data } });
}

/** Offers may promise what is no more. Where only what is revocable changed, those alone are taken back that have any of it. */
function updateResources(turn: Turn, agent: Agent, { resources, operations }: Call<'updateResources'>): void {
  const error = resources.map(resourceError).find((why) => why !== undefined);
  if (error !== undefined)
    return log(turn, 'warn', 'invalid resources of an agent', { agent: agent.id, reason: error });
  const said = Resources.of(resources);
  const total = operations === undefined ? said : afterUnheard(agent, said, operations);
  if (firm(total).equals(firm(agent.total))) {
    for (const offer of agent.offers) if (firm(offer.resources) !== offer.resources) rescindOffer(turn, offer);
    agent.total = total;
    return totalChanged(turn, agent);
  }
  rescindOffersOf(turn, agent);
  agent.total = total;
  agentChanged(turn, agent);
}

/** The framework has a status in its keeping: the agent may send the next, and an ended task is over. */
export function acknowledge(turn: Turn, framework: Framework, agentId: string, taskId: string, uuid: string): void {
  const agent = turn.state.agents.get(asId<AgentId>(agentId));
  const told = sendAgent(turn, agent, { type: 'acknowledge', frameworkId: framework.id, taskId, uuid });
  count(turn, `${told ? 'valid' : 'invalid'}_status_update_acknowledgements`);
  const task = framework.tasks.get(asId<TaskId>(taskId));
  if (!told || task === undefined || task.unacknowledged?.uuid !== uuid) return;
  const { state } = task.unacknowledged;
  task.unacknowledged = undefined;
  if (isTerminal(state)) completeTask(turn, framework, task);
}
