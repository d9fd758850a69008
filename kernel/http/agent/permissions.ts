import type { IncomingMessage } from 'node:http';
import { posix } from 'node:path';
import type { AgentCall, CommandInfo, ContainerID } from '@mezzo/sdk/api';
import type { Principal } from '@mezzo/sdk/points/authenticator';
import type { Action } from '@mezzo/sdk/points/authorizer';
import { sightOf, type Sight } from '../../core/master/sight.js';
import { principalOf } from '../auth/callers.js';
import { mayOf, type May } from '../auth/permission.js';
import { allFrameworks } from './messages.js';
import type { AgentSite } from './site.js';

/** Whom an answer is for. */
export interface Viewer {
  readonly principal: Principal | undefined;
  readonly may: May;
  readonly sight: Sight;
}

export const viewerOf = ({ authorizer }: Pick<AgentSite, 'authorizer'>, request: IncomingMessage): Viewer => ({
  principal: principalOf(request),
  may: mayOf(authorizer, request),
  sight: sightOf(authorizer, principalOf(request)),
});

/** May it read below this virtual path? A sandbox is that of the user whom its executor runs as, all else are logs. */
export function mayReadFile(site: AgentSite, { may }: Viewer, virtual: string): boolean {
  const [, frameworkId, executorId] = /\/frameworks\/([^/]+)\/executors\/([^/]+)/.exec(posix.normalize(virtual)) ?? [];
  if (frameworkId === undefined) return may('access_mesos_logs');
  const framework = allFrameworks(site.host.state).find(({ info }) => info.id?.value === frameworkId);
  const run =
    framework && [...framework.runs.values(), ...framework.completedRuns].find((one) => one.executorId === executorId);
  return may('access_sandboxes', run?.info.command?.user ?? framework?.info.user);
}

/** Whom the container at the root of this one runs as; undefined = no executor is known there. */
export function userOf({ host: { state } }: AgentSite, id: ContainerID): string | undefined {
  const run = state.runs.get(rootOf(id));
  return run && (run.info.command?.user ?? state.frameworks.get(run.frameworkId)?.info.user);
}

/** By the id of the container, or of the outermost one that it is in. */
export const maySeeContainer =
  (site: AgentSite, { may }: Viewer) =>
  (root: string): boolean =>
    site.host.state.runs.has(root)
      ? may('view_containers', userOf(site, { value: root }))
      : may('view_standalone_containers');

const rootOf = ({ value, parent }: ContainerID): string => (parent === undefined ? value : rootOf(parent));

type Launch = { readonly containerId: ContainerID; readonly command?: CommandInfo };

export function mayCall(site: AgentSite, viewer: Viewer, call: AgentCall): boolean {
  const { may } = viewer;
  switch (call.type) {
    case 'GET_FLAGS':
      return may('view_flags');
    case 'SET_LOGGING_LEVEL':
      return may('set_log_level');
    case 'LIST_FILES':
      return mayReadFile(site, viewer, call.listFiles!.path);
    case 'READ_FILE':
      return mayReadFile(site, viewer, call.readFile!.path);
    case 'PRUNE_IMAGES':
      return may('prune_images');
    case 'LAUNCH_NESTED_CONTAINER':
      return mayLaunch(site, viewer, call.launchNestedContainer!, 'launch_nested_containers');
    case 'LAUNCH_NESTED_CONTAINER_SESSION':
      return mayLaunch(site, viewer, call.launchNestedContainerSession!, 'launch_nested_container_sessions');
    case 'LAUNCH_CONTAINER': {
      const launch = call.launchContainer!;
      if (launch.containerId.parent === undefined) return may('launch_standalone_containers');
      return mayLaunch(site, viewer, launch, 'launch_nested_containers');
    }
    case 'KILL_NESTED_CONTAINER':
      return mayTouch(site, viewer, 'kill', call.killNestedContainer!.containerId);
    case 'KILL_CONTAINER':
      return mayTouch(site, viewer, 'kill', call.killContainer!.containerId);
    case 'WAIT_NESTED_CONTAINER':
      return mayTouch(site, viewer, 'wait', call.waitNestedContainer!.containerId);
    case 'WAIT_CONTAINER':
      return mayTouch(site, viewer, 'wait', call.waitContainer!.containerId);
    case 'REMOVE_NESTED_CONTAINER':
      return mayTouch(site, viewer, 'remove', call.removeNestedContainer!.containerId);
    case 'REMOVE_CONTAINER':
      return mayTouch(site, viewer, 'remove', call.removeContainer!.containerId);
    case 'ATTACH_CONTAINER_OUTPUT':
      return mayDo(site, viewer, 'attach_containers_output', call.attachContainerOutput!.containerId);
    case 'ATTACH_CONTAINER_INPUT': {
      const { containerId } = call.attachContainerInput!;
      return containerId === undefined || mayDo(site, viewer, 'attach_containers_input', containerId, false);
    }
    default:
      return true;
  }
}

/**
 * An action on a container of an executor, by the user that it runs as. An executor, which is known by its claims, may do it below its
 * own container, unless it is one that `executors` have no part in.
 */
function mayDo(site: AgentSite, viewer: Viewer, action: Action, id: ContainerID, executors = true): boolean {
  const { principal, may } = viewer;
  if (isExecutor(principal)) return executors && principal.claims.cid === rootOf(id);
  return may(action, userOf(site, id));
}

const isExecutor = (principal: Principal | undefined): principal is Required<Pick<Principal, 'claims'>> =>
  principal !== undefined && principal.value === undefined && principal.claims !== undefined;

/** The second action is the one about containers that belong to no executor. */
function mayTouch(site: AgentSite, viewer: Viewer, what: 'kill' | 'wait' | 'remove', id: ContainerID): boolean {
  if (!site.host.state.runs.has(rootOf(id))) return viewer.may(`${what}_standalone_containers`);
  return mayDo(site, viewer, `${what}_nested_containers`, id);
}

/** Below an executor of that user, and as the user that the command names, if it names one. */
function mayLaunch(
  site: AgentSite,
  viewer: Viewer,
  { containerId, command }: Launch,
  what: 'launch_nested_containers' | 'launch_nested_container_sessions',
): boolean {
  if (!mayDo(site, viewer, `${what}_under_parent_with_user`, containerId)) return false;
  return command === undefined || isExecutor(viewer.principal) || viewer.may(`${what}_as_user`, command.user);
}
