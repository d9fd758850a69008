import type { AppDefinition, SecretName } from '../app.js';
import { portSpecs } from '../app.js';
import type { TaskRun } from '../state.js';

const MAX_LABEL_NAME = 492;
const MAX_LABEL_VALUE = 511;

/** What a task finds in its environment. The app's own variables win. */
export function environmentOf(app: AppDefinition, task: TaskRun): Record<string, string | SecretName> {
  return { ...taskVariables(app, task), ...labelVariables(app), ...portVariables(app, task), ...app.env };
}

function taskVariables(app: AppDefinition, task: TaskRun): Record<string, string> {
  return {
    MESOS_TASK_ID: task.id,
    MARATHON_APP_ID: app.id,
    MARATHON_APP_VERSION: app.version,
    ...(app.container?.docker && { MARATHON_APP_DOCKER_IMAGE: app.container.docker.image }),
    MARATHON_APP_RESOURCE_CPUS: decimal(app.cpus),
    MARATHON_APP_RESOURCE_MEM: decimal(app.mem),
    MARATHON_APP_RESOURCE_DISK: decimal(app.disk),
    MARATHON_APP_RESOURCE_GPUS: String(app.gpus),
    MARATHON_APP_ENFORCE_GROUP_ROLE: 'FALSE',
    HOST: task.facts.hostname,
  };
}

const decimal = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

const variableName = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9_]/g, '_');

function labelVariables(app: AppDefinition): Record<string, string> {
  const labels = Object.entries(app.labels).filter(
    ([name, value]) => name.length <= MAX_LABEL_NAME && value.length <= MAX_LABEL_VALUE,
  );
  const names = labels.map(([name]) => variableName(name));
  const variables: Record<string, string> = { MARATHON_APP_LABELS: names.join(' ') };
  labels.forEach(([, value], index) => (variables[`MARATHON_APP_LABEL_${names[index]}`] = value));
  return variables;
}

function portVariables(app: AppDefinition, task: TaskRun): Record<string, string> {
  const variables: Record<string, string> = {};
  const host = app.networks[0]?.mode === 'host';
  const ports = portSpecs(app).map((spec, index) => {
    const hostPort = task.hostPorts[index] ?? 0;
    const effective = spec.hostPort === undefined ? (spec.containerPort ?? 0) : hostPort;
    const requested = (host ? spec.servicePort : spec.containerPort) || effective;
    return { effective: String(effective), requested, name: spec.name };
  });
  ports.forEach(({ effective, requested, name }, index) => {
    variables[`PORT${index}`] = effective;
    variables[`PORT_${requested}`] = effective;
    if (name !== undefined) variables[`PORT_${variableName(name)}`] = effective;
  });
  const [first] = ports;
  if (first)
    Object.assign(variables, { PORT: first.effective, PORTS: ports.map(({ effective }) => effective).join(',') });
  return variables;
}
