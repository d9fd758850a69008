import {
  messageToJson,
  quote,
  stringifyJson,
  type Label,
  type Resource,
  type Task as TaskMessage,
  type TaskStatus,
} from '@mezzo/sdk/api';
import { Resources } from '../core/resources/index.js';

/** The JSON text of what `taskView` shows, without objects in between: `/state` has hundreds of thousands. */
export function taskText(task: TaskMessage): string {
  const { summary, role } = sizeOf(task.resources);
  let text = `{"id":${quote(task.taskId.value)},"name":${quote(task.name)}`;
  text += `,"framework_id":${quote(task.frameworkId.value)},"executor_id":${quote(task.executorId?.value ?? '')}`;
  text += `,"slave_id":${quote(task.agentId.value)},"state":"${task.state}","resources":${summary}`;
  if (task.limits) text += `,"limits":${limitsText(task.limits)}`;
  text += `,"role":${role},"statuses":[${statusTexts(task.statuses ?? [])}]`;
  if (task.user !== undefined) text += `,"user":${quote(task.user)}`;
  if (task.labels) text += `,"labels":${labelsText(task.labels.labels)}`;
  if (task.discovery) text += `,"discovery":${messageToJson('mesos.v1.DiscoveryInfo', task.discovery)}`;
  if (task.container) text += `,"container":${messageToJson('mesos.v1.ContainerInfo', task.container)}`;
  if (task.healthCheck) text += `,"health_check":${messageToJson('mesos.v1.HealthCheck', task.healthCheck)}`;
  return text + '}';
}

function statusTexts(statuses: readonly TaskStatus[]): string {
  let all = '';
  for (const { state, timestamp, labels, containerStatus, healthy } of statuses) {
    all += `${all === '' ? '' : ','}{"state":"${state}","timestamp":${timestamp ?? 0}`;
    if (labels) all += `,"labels":${labelsText(labels.labels)}`;
    if (containerStatus) {
      const shown = containerStatus.executorPid === undefined ? containerStatus : withoutPid(containerStatus);
      all += `,"container_status":${messageToJson('mesos.v1.ContainerStatus', shown)}`;
    }
    all += healthy === undefined ? '}' : `,"healthy":${healthy}}`;
  }
  return all;
}

const withoutPid = ({ executorPid: _, ...rest }: NonNullable<TaskStatus['containerStatus']>) => rest;

const labelsText = (labels: readonly Label[] = []): string =>
  `[${labels.map(({ key, value }) => `{"key":${quote(key)}${value === undefined ? '' : `,"value":${quote(value)}`}}`).join()}]`;

const limitsText = (limits: NonNullable<TaskMessage['limits']>): string =>
  stringifyJson(Object.fromEntries(Object.entries(limits).map(([name, { value }]) => [name, value])));

interface Size {
  readonly summary: string;
  readonly role: string;
}

/** Most tasks are of a few sizes. */
const sizes = new Map<string, Size>();
const MAX_SIZES = 1000;

function sizeOf(resources: readonly Resource[] = []): Size {
  let key = '';
  for (const one of resources) key += messageToJson('mesos.v1.Resource', one);
  const known = sizes.get(key);
  if (known !== undefined) return known;
  const bag = Resources.of(resources);
  const role = quote(bag.entries[0]?.id.allocationRole ?? '*');
  const size = { summary: stringifyJson(bag.summary()), role };
  if (sizes.size >= MAX_SIZES) sizes.clear();
  sizes.set(key, size);
  return size;
}
