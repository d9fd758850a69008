import type { ExecutorInfo, OfferOperation, SchedulerCallAccept, TaskInfo, TaskStatusReason } from '@mezzo/sdk/api';
import { asId, type ExecutorId, type TaskId } from '@mezzo/sdk/contract';
import { launchDenied, operationDenied } from './authorization.js';
import { exclusive, Resources } from '../resources/index.js';
import { release } from './ledger.js';
import { refusalOf, removeOffer, takeOffers } from './offers.js';
import { operate, refuseOperation } from './operations.js';
import type { Executor, Framework, Task } from './state.js';
import { checkGroup, checkTask, type Checked, type Site } from './task-validation.js';
import {
  addExecutor,
  addTask,
  asKnownTo,
  countEnd,
  countReason,
  forward,
  makeTask,
  masterStatus,
  type MasterStatus,
} from './tasks.js';
import { bump, sendAgent, type Turn } from './turn.js';

export function accept(turn: Turn, framework: Framework, call: SchedulerCallAccept): void {
  const ids = (call.offerIds ?? []).map(({ value }) => value);
  const taken = takeOffers(turn, framework, ids);
  const operations = call.operations ?? [];
  if (taken.error !== undefined) {
    for (const offer of taken.offers) removeOffer(turn, offer);
    for (const operation of operations) dropOperation(turn, framework, operation, taken.error);
    return;
  }
  bump(framework.counts, 'offers/accepted', taken.offers.length);
  let pool = taken.offers.reduce((sum, offer) => sum.add(offer.resources), Resources.empty);
  for (const operation of operations) {
    const site: Site = { framework, agent: taken.agent, role: taken.role, pool };
    pool = apply(turn, site, operation);
  }
  release(turn, framework.id, taken.agent.id, pool, refusalOf(turn, call.filters));
}

/** Carries out one operation and answers what is left. */
function apply(turn: Turn, site: Site, operation: OfferOperation): Resources {
  const type = operation.type ?? 'UNKNOWN';
  bump(site.framework.counts, `operations/${type.toLowerCase()}`);
  const tasks = tasksOf(operation);
  if (operation.id !== undefined && tasks.length > 0) {
    reject(turn, site.framework, tasks, 'REASON_TASK_INVALID', `Operation ID is not allowed on ${type}`);
    return site.pool;
  }
  const denied = operationDenied(turn.state, site.framework.info, operation);
  if (denied !== undefined) {
    refuseOperation(turn, site.framework, operation, denied, site.agent.id);
    return site.pool;
  }
  if (type === 'LAUNCH') return take(turn, site, launch(turn, site, tasks));
  if (type === 'LAUNCH_GROUP') return take(turn, site, launchGroup(turn, site, operation));
  return operate(turn, site, operation);
}

/** A shared volume stays in the offer however many tasks have it: each holds a copy of its own. */
function take(turn: Turn, { framework, agent, role, pool }: Site, needs: Resources): Resources {
  const own = exclusive(needs);
  if (own !== needs)
    turn.state.allocator.addUsed(
      framework.id,
      role,
      agent.id,
      needs.filter((id) => id.shared),
    );
  return pool.subtract(own);
}

const tasksOf = ({ launch, launchGroup }: OfferOperation): readonly TaskInfo[] => [
  ...(launch?.taskInfos ?? []),
  ...(launchGroup?.taskGroup.tasks ?? []),
];

function launch(turn: Turn, site: Site, tasks: readonly TaskInfo[]): Resources {
  let taken = Resources.empty;
  for (const info of tasks) {
    const denied = launchDenied(turn.state, site.framework.info, info);
    if (denied !== undefined) {
      reject(turn, site.framework, [info], 'REASON_TASK_UNAUTHORIZED', denied);
      continue;
    }
    const checked = checkTask({ ...site, pool: site.pool.subtract(exclusive(taken)) }, info);
    if (typeof checked === 'string') reject(turn, site.framework, [info], 'REASON_TASK_INVALID', checked);
    else {
      taken = taken.add(checked.needs);
      launchOne(turn, site, checked);
    }
  }
  return taken;
}

function launchOne(turn: Turn, site: Site, checked: Checked): void {
  const task = start(turn, site, checked, checked.info.executor);
  const executor = checked.info.executor && { ...checked.info.executor, frameworkId: { value: site.framework.id } };
  sendAgent(turn, site.agent, {
    type: 'runTask',
    framework: site.framework.info,
    task: { ...checked.info, resources: task.message.resources, ...(executor && { executor }) },
    ...(executor && { executor }),
  });
}

function launchGroup(turn: Turn, site: Site, { launchGroup }: OfferOperation): Resources {
  if (launchGroup === undefined) return Resources.empty;
  const { executor, taskGroup } = launchGroup;
  const denied = (taskGroup.tasks ?? [])
    .map(({ command }) => launchDenied(turn.state, site.framework.info, { ...(command && { command }), executor }))
    .find(Boolean);
  if (denied !== undefined) {
    reject(turn, site.framework, taskGroup.tasks ?? [], 'REASON_TASK_GROUP_UNAUTHORIZED', denied);
    return Resources.empty;
  }
  const checked = checkGroup(site, taskGroup, executor);
  if (typeof checked === 'string') {
    reject(turn, site.framework, taskGroup.tasks ?? [], 'REASON_TASK_GROUP_INVALID', checked);
    return Resources.empty;
  }
  const tasks = checked.map((one) => start(turn, site, one, executor));
  sendAgent(turn, site.agent, {
    type: 'runTaskGroup',
    framework: site.framework.info,
    executor: { ...executor, frameworkId: { value: site.framework.id } },
    tasks: checked.map(({ info }, i) => ({ ...info, resources: tasks[i]!.message.resources })),
  });
  return checked.reduce((sum, one) => sum.add(one.needs), Resources.empty);
}

/** Books the task, and its executor when that is new. */
function start(
  turn: Turn,
  { framework, agent, role }: Site,
  checked: Checked,
  executorInfo: ExecutorInfo | undefined,
): Task {
  if (checked.executor !== undefined) {
    const executor: Executor = {
      frameworkId: framework.id,
      agentId: agent.id,
      executorId: asId<ExecutorId>(checked.executor.executorId.value),
      info: { ...checked.executor, frameworkId: { value: framework.id } },
      role,
      resources: checked.executorResources,
    };
    addExecutor(framework, agent, executor);
  }
  const { info, resources } = checked;
  const task = makeTask({
    framework,
    agentId: agent.id,
    info,
    executor: executorInfo,
    role,
    resources,
    state: 'TASK_STAGING',
  });
  addTask(turn, framework, agent, task);
  return task;
}

function reject(
  turn: Turn,
  framework: Framework,
  tasks: readonly TaskInfo[],
  reason: TaskStatusReason,
  message: string,
): void {
  for (const { taskId, agentId } of tasks) {
    const about = { taskId: taskId.value, agentId: agentId.value, state: 'TASK_ERROR', reason, message } as const;
    sayEnd(turn, framework, about);
  }
}

/** Of a task that never began. */
function sayEnd(turn: Turn, framework: Framework, about: MasterStatus): void {
  const status = masterStatus(turn, about);
  const known = asKnownTo(framework, status);
  countEnd(turn, framework, known.state);
  countReason(turn, known);
  forward(turn, framework, known);
}

function dropOperation(turn: Turn, framework: Framework, operation: OfferOperation, error: string): void {
  const message = `Task launched with invalid offers: ${error}`;
  for (const { taskId, agentId } of tasksOf(operation)) {
    // A second copy of an ACCEPT that was served: to call its running tasks dropped would be a lie.
    if (framework.tasks.has(asId<TaskId>(taskId.value))) continue;
    const about = { taskId: taskId.value, agentId: agentId.value, state: 'TASK_DROPPED', message } as const;
    sayEnd(turn, framework, { ...about, reason: 'REASON_INVALID_OFFERS' });
  }
  const isServed = operation.id !== undefined && framework.operations.has(operation.id.value);
  if (!operation.launch && !operation.launchGroup && !isServed) {
    refuseOperation(turn, framework, operation, `Operation attempted with invalid offers: ${error}`);
  }
}
