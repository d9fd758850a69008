import { CONSTRAINT_OPERATORS, constraintProblem } from '@mezzo/sdk/framework';
import type { AppDraft } from './normalize.js';
import { idProblem } from './path-id.js';
import type { Settings } from './state.js';
import type { AppUpdate, Violation } from './update.js';
import { portSpecs } from './app.js';

/** What is wrong with an app. `raw` is what was sent (merged with the app it changes), `app` what became of it. */
export function validateApp(raw: AppUpdate, app: AppDraft, settings: Settings): Violation[] {
  return [
    ...secrets(raw, settings),
    ...unsupported(raw),
    ...deprecatedMixes(raw),
    ...basics(app, settings),
    ...networks(raw, app),
    ...ports(app),
    ...container(app),
    ...healthChecks(app),
    ...placement(app, settings),
    ...numbers(app),
  ];
}

const violation = (path: string, error: string): Violation => ({ path, error });
const when = (condition: unknown, path: string, error: string): Violation[] =>
  condition ? [violation(path, error)] : [];

/** Parts of Marathon that are not built: better refused than ignored. */
function unsupported(raw: AppUpdate): Violation[] {
  const notYet = (what: string) => `${what} not supported yet`;
  const volumes = raw.container?.volumes ?? [];
  return [
    ...when(raw.readinessChecks?.length, '/readinessChecks', notYet('readinessChecks are')),
    ...when(raw.check !== undefined, '/check', notYet('check is')),
    ...when(raw.residency !== undefined, '/residency', notYet('residency (persistent volumes) is')),
    ...when(raw.executor && raw.executor !== '//cmd', '/executor', notYet('custom executors are')),
    ...when(raw.container?.docker?.pullConfig !== undefined, '/container/docker/pullConfig', notYet('pullConfig is')),
    ...when(raw.container?.linuxInfo !== undefined, '/container/linuxInfo', notYet('linuxInfo is')),
    ...volumes.flatMap(({ persistent, external, secret, hostPath }, index) => {
      const path = `/container/volumes(${index})`;
      if (persistent !== undefined) return [violation(`${path}/persistent`, notYet('persistent volumes are'))];
      if (external !== undefined) return [violation(`${path}/external`, notYet('external volumes are'))];
      if (secret !== undefined) return [violation(`${path}/secret`, notYet('volumes of secrets are'))];
      return when(!hostPath, `${path}/hostPath`, 'must not be empty');
    }),
  ];
}

/** Each that a variable names is declared. */
function secrets({ env = {}, secrets: declared = {} }: AppUpdate, { features }: Settings): Violation[] {
  const isOff = !features.includes('secrets');
  const off = 'Feature secrets is not enabled. Enable it with `mezzo plugin config marathon features=["secrets"]`';
  return [
    ...when(isOff && Object.keys(declared).length, '/secrets', off),
    ...Object.entries(declared).flatMap(([name, { source }]) => [
      ...when(name === '', '/secrets', 'must not have an empty name'),
      ...when(source === '', `/secrets(${name})/source`, 'must not be empty'),
    ]),
    ...Object.entries(env).flatMap(([name, value]) => {
      if (typeof value === 'string') return [];
      const isUnknown = !Object.hasOwn(declared, value.secret);
      return when(isOff || isUnknown, `/env(${name})`, isOff ? off : `the secret '${value.secret}' is not in secrets`);
    }),
  ];
}

function deprecatedMixes(raw: AppUpdate): Violation[] {
  const samePorts = raw.ports?.join() === raw.portDefinitions?.map(({ port = 0 }) => port).join();
  return [
    ...when(raw.uris?.length && raw.fetch?.length, '/uris', 'must not be used together with fetch'),
    ...when(raw.ports && raw.portDefinitions && !samePorts, '/ports', 'must not differ from portDefinitions'),
    ...when(raw.ipAddress && raw.networks?.length, '/ipAddress', 'must not be used together with networks'),
    ...when(raw.version !== undefined, '/version', "The 'version' field may only be combined with the 'id' field."),
  ];
}

function basics(app: AppDraft, settings: Settings): Violation[] {
  const problem = idProblem(app.id);
  const image = app.container?.docker?.image !== undefined || app.container?.type === 'MESOS';
  const both = app.cmd !== undefined && app.args !== undefined;
  const neither = app.cmd === undefined && app.args === undefined && !image;
  const single = app.labels['MARATHON_SINGLE_INSTANCE_APP'] === 'true';
  const { minimumHealthCapacity: least, maximumOverCapacity: over } = app.upgradeStrategy;
  const max = settings.maxInstancesPerApp;
  return [
    ...when(problem, '/id', problem ?? ''),
    ...when(both || neither, '/', "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."),
    ...when(app.cmd !== undefined && app.cmd.length < 2, '/cmd', 'must not be an empty string'),
    ...when(app.args?.length === 0 && !image, '/args', 'must not be empty'),
    ...when(app.instances > max, '/instances', `must not be above ${max}`),
    ...when(single && app.instances > 1, '/instances', 'must not be above 1 for a single-instance app'),
    ...when(single && (least !== 0 || over !== 0), '/upgradeStrategy', 'must be 0 and 0 for a single-instance app'),
    ...when('' in app.env, '/env', 'must not have an empty name'),
    ...when(app.dependencies.includes(app.id), '/dependencies', 'an app must not depend on itself'),
    ...app.fetch.flatMap(({ uri }, index) => when(!isUri(uri), `/fetch(${index})/uri`, 'URI has invalid syntax.')),
  ];
}

const isUri = (uri: string): boolean => uri.length <= 1024 && /^[^\s\\^`{|}<>"]+$/.test(uri);

function networks(raw: AppUpdate, app: AppDraft): Violation[] {
  const modes = app.networks.map(({ mode }) => mode);
  const mixed = new Set(modes).size > 1 || (modes[0] !== 'container' && modes.length > 1);
  const host = modes[0] === 'host';
  return [
    ...when(
      mixed,
      '/networks',
      'may only specify a single host network, a single container/bridge network, or container networks',
    ),
    ...app.networks.flatMap(({ mode, name }, index) => [
      ...when(
        mode !== 'container' && name !== undefined,
        `/networks(${index})`,
        `a ${mode} network must not have a name`,
      ),
      ...when(
        mode === 'container' && name === undefined,
        `/networks(${index})/name`,
        'a container network needs a name',
      ),
    ]),
    ...when(
      !host && raw.portDefinitions?.length,
      '/portDefinitions',
      'only with host networking: use container.portMappings',
    ),
    ...when(
      app.container?.type === 'DOCKER' && modes.length > 1,
      '/networks',
      'a DOCKER container joins at most one container network',
    ),
    ...when(
      host && raw.container?.portMappings?.length,
      '/container/portMappings',
      'not with host networking: use portDefinitions',
    ),
  ];
}

const PROTOCOLS = ['tcp', 'udp', 'udp,tcp', 'tcp,udp'];
const PORT_NAME = /^[a-z0-9-]{1,63}$/i;

function ports(app: AppDraft): Violation[] {
  const specs = portSpecs(app);
  const base = app.networks[0]?.mode === 'host' ? '/portDefinitions' : '/container/portMappings';
  const names = specs.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const taken = specs.flatMap(({ servicePort, protocol }) =>
    servicePort ? protocol.split(',').map((each) => `${servicePort}/${each}`) : [],
  );
  return [
    ...when(new Set(names).size < names.length, base, 'Port names must be unique.'),
    ...when(base === '/portDefinitions' && new Set(taken).size < taken.length, base, 'Ports must be unique.'),
    ...specs.flatMap(({ name, protocol, servicePort, hostPort, containerPort }, index) => [
      ...when(!PROTOCOLS.includes(protocol), `${base}(${index})/protocol`, `must be one of ${PROTOCOLS.join(' ')}`),
      ...when(
        name !== undefined && !PORT_NAME.test(name),
        `${base}(${index})/name`,
        `must fully match ${PORT_NAME.source}`,
      ),
      ...when(
        [servicePort, hostPort, containerPort].some((port) => port !== undefined && port > 65_535),
        `${base}(${index})`,
        'ports must be between 0 and 65535',
      ),
    ]),
  ];
}

function container(app: AppDraft): Violation[] {
  const docker = app.container?.docker;
  return [
    ...when(app.container?.type === 'DOCKER' && !docker, '/container/docker', 'not defined'),
    ...when(docker?.image === '', '/container/docker/image', 'must not be empty'),
    ...when(app.gpus > 0 && app.container?.type === 'DOCKER', '/gpus', 'GPUs are not available to DOCKER containers'),
    ...(app.container?.volumes ?? []).flatMap(({ containerPath }, index) =>
      when(containerPath === '', `/container/volumes(${index})/containerPath`, 'must not be empty'),
    ),
  ];
}

function healthChecks(app: AppDraft): Violation[] {
  const portCount = portSpecs(app).length;
  const agentChecks = app.healthChecks.filter(
    ({ protocol }) => protocol === 'COMMAND' || protocol.startsWith('MESOS_'),
  );
  return [
    ...when(agentChecks.length > 1, '/healthChecks', 'AppDefinition can contain at most one Mesos health check'),
    ...app.healthChecks.flatMap((check, index) => {
      const path = `/healthChecks(${index})`;
      if (check.protocol === 'COMMAND')
        return when(!check.command?.value, `${path}/command`, 'a COMMAND check needs command.value');
      const { port, portIndex } = check;
      return [
        ...when(port === undefined && portIndex === undefined, path, 'needs port or portIndex: the app has no ports'),
        ...when(
          portIndex !== undefined && portIndex >= portCount,
          `${path}/portIndex`,
          `Health check port indices must address an element of the ports array or container port mappings.`,
        ),
        ...when(check.path !== undefined && !check.path.startsWith('/'), `${path}/path`, 'must start with /'),
        ...when(
          check.ipProtocol === 'IPv6' && !(app.container?.type === 'DOCKER' && check.protocol.startsWith('MESOS_')),
          `${path}/ipProtocol`,
          'IPv6 is only for MESOS_ checks of DOCKER containers',
        ),
      ];
    }),
  ];
}

function placement(app: AppDraft, settings: Settings): Violation[] {
  const roles = app.acceptedResourceRoles;
  const unknown = roles.filter((role) => !settings.roles.includes(role));
  return [
    ...app.constraints.flatMap((constraint, index) => {
      const path = `/constraints(${index})`;
      if (constraint.length < 2 || constraint.length > 3)
        return [
          violation(
            path,
            `Each constraint must have either 2 or 3 fields: field, operator (${CONSTRAINT_OPERATORS.join(', ')}), value`,
          ),
        ];
      const problem = constraintProblem(constraint);
      return when(problem, path, problem ?? '');
    }),
    ...when(roles.length === 0, '/acceptedResourceRoles', 'must not be empty'),
    ...when(
      unknown.length,
      '/acceptedResourceRoles',
      `can contain only ${settings.roles.join(' and ')}, not ${unknown.join(', ')}`,
    ),
    ...when(!settings.roles.includes(app.role), '/role', `must be one of ${settings.roles.join(', ')}`),
  ];
}

/** Ranges that span two fields; those of one field are checked with its type. */
function numbers(app: AppDraft): Violation[] {
  const { unreachableStrategy: lost, resourceLimits: limits } = app;
  const below = (limit: number | 'unlimited' | undefined, request: number) =>
    typeof limit === 'number' && limit < request;
  return [
    ...when(
      lost !== 'disabled' && lost.inactiveAfterSeconds > lost.expungeAfterSeconds,
      '/unreachableStrategy',
      'inactiveAfterSeconds must not be above expungeAfterSeconds',
    ),
    ...when(below(limits?.cpus, app.cpus), '/resourceLimits/cpus', 'must not be below cpus'),
    ...when(below(limits?.mem, app.mem), '/resourceLimits/mem', 'must not be below mem'),
  ];
}
