import type {
  AgentInfo,
  ExecutorInfo,
  FrameworkInfo,
  MasterEvent as OperatorEvent,
  Resource,
  Task,
} from '@mezzo/sdk/api';
import { asId, type FrameworkId, type TaskId } from '@mezzo/sdk/contract';
import type { Principal } from '@mezzo/sdk/points/authenticator';
import type { Action, Authorizer } from '@mezzo/sdk/points/authorizer';
import type { MasterState } from './state.js';

/** What somebody may see. Who may not see a framework sees none of its tasks and executors. */
export interface Sight {
  framework(info: FrameworkInfo): boolean;
  task(framework: FrameworkInfo, task: Pick<Task, 'user'>): boolean;
  executor(framework: FrameworkInfo, executor: ExecutorInfo): boolean;
  role(name: string): boolean;
  /** Reserved for roles, and allocated to one, that may be seen. */
  resource(resource: Resource): boolean;
}

const yes = (): boolean => true;
export const SEES_ALL: Sight = { framework: yes, task: yes, executor: yes, role: yes, resource: yes };

/** What a principal may see; SEES_ALL where nobody restricts it. */
export function sightOf(authorizer: Authorizer | undefined, principal: Principal | undefined): Sight {
  if (authorizer === undefined) return SEES_ALL;
  const may = (action: Action) => authorizer.approver(principal, action);
  const [frameworks, tasks, executors, roles] = [
    may('view_frameworks'),
    may('view_tasks'),
    may('view_executors'),
    may('view_roles'),
  ];
  const framework = ({ user }: FrameworkInfo): boolean => frameworks(user);
  return {
    framework,
    task: (info, { user }) => framework(info) && tasks(user ?? info.user),
    executor: (info, { command }) => framework(info) && executors(command?.user ?? info.user),
    role: roles,
    resource: ({ role = '*', reservations = [], allocationInfo }) =>
      [role, ...reservations.map((one) => one.role ?? '*'), allocationInfo?.role ?? '*'].every(
        (one) => one === '*' || roles(one),
      ),
  };
}

/** An event as somebody sees it; undefined when it is about what they may not see. */
export function seenEvent(state: MasterState, sight: Sight, event: OperatorEvent): OperatorEvent | undefined {
  switch (event.type) {
    case 'FRAMEWORK_ADDED':
      return sight.framework(event.frameworkAdded!.framework.frameworkInfo) ? event : undefined;
    case 'FRAMEWORK_UPDATED':
      return sight.framework(event.frameworkUpdated!.framework.frameworkInfo) ? event : undefined;
    case 'FRAMEWORK_REMOVED':
      return sight.framework(event.frameworkRemoved!.frameworkInfo) ? event : undefined;
    case 'TASK_ADDED':
      return seesTask(state, sight, event.taskAdded!.task) ? event : undefined;
    case 'TASK_UPDATED': {
      const { frameworkId, status } = event.taskUpdated!;
      const task = taskOf(state, frameworkId.value, status.taskId.value);
      return task && seesTask(state, sight, { ...task, frameworkId }) ? event : undefined;
    }
    case 'AGENT_ADDED': {
      const { agent } = event.agentAdded!;
      return { ...event, agentAdded: { agent: seenAgent(sight, agent) } };
    }
    default:
      return event;
  }
}

type AgentView = NonNullable<OperatorEvent['agentAdded']>['agent'];

/** Without the resources of roles that may not be seen. */
export function seenAgent(sight: Sight, agent: AgentView): AgentView {
  if (sight === SEES_ALL) return agent;
  return {
    ...agent,
    agentInfo: seenAgentInfo(sight, agent.agentInfo),
    totalResources: seenOf(sight, agent.totalResources),
    allocatedResources: seenOf(sight, agent.allocatedResources),
    offeredResources: seenOf(sight, agent.offeredResources),
  };
}

export const seenAgentInfo = (sight: Sight, info: AgentInfo): AgentInfo =>
  sight === SEES_ALL ? info : { ...info, resources: seenOf(sight, info.resources) };

const seenOf = (sight: Sight, list: readonly Resource[] = []): Resource[] => list.filter((one) => sight.resource(one));

const frameworkOf = ({ frameworks, completedFrameworks }: MasterState, id: string) =>
  frameworks.get(asId<FrameworkId>(id)) ?? completedFrameworks.get(asId<FrameworkId>(id));

function taskOf(state: MasterState, frameworkId: string, id: string): Task | undefined {
  const framework = frameworkOf(state, frameworkId);
  const taskId = asId<TaskId>(id);
  return (
    framework?.tasks.get(taskId)?.message ??
    framework?.unreachableTasks.get(taskId) ??
    framework?.completedTasks.get(id)
  );
}

function seesTask(state: MasterState, sight: Sight, task: Pick<Task, 'user' | 'frameworkId'>): boolean {
  const framework = frameworkOf(state, task.frameworkId.value);
  return framework !== undefined && sight.task(framework.info, task);
}
