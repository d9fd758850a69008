import type { IncomingMessage } from 'node:http';
import type { MaintenanceClusterStatus, MaintenanceSchedule, MasterCall, MasterCallType } from '@mezzo/sdk/api';
import { asId, type FrameworkId } from '@mezzo/sdk/contract';
import type { Action } from '@mezzo/sdk/points/authorizer';
import { creating, destroying, reserving, resizing, unreserving, type Asked } from '../../core/master/authorization.js';
import { maintenanceStatus } from '../../core/master/maintenance.js';
import { sightOf, type Sight } from '../../core/master/sight.js';
import type { MasterState } from '../../core/master/index.js';
import { principalOf } from '../auth/callers.js';
import { mayOf, type May } from '../auth/permission.js';
import type { MasterSite } from './site.js';

/** Whom an answer is for. */
export interface Viewer {
  readonly principal: string | undefined;
  readonly may: May;
  readonly sight: Sight;
}

export const viewerOf = ({ shell: { state } }: MasterSite, request: IncomingMessage): Viewer => ({
  principal: principalOf(request)?.value,
  may: mayOf(state.options.authorizer, request),
  sight: sightOf(state.options.authorizer, principalOf(request)),
});

type Question = Pick<Asked, 'action' | 'objects'>;

const roles = (action: Action, names: readonly (string | undefined)[]): Question => ({ action, objects: names });
const whole = (action: Action): Question => ({ action, objects: [undefined] });
/** What a call asks to do. Calls that are not here may be made by everybody: what they show is filtered. */
const QUESTIONS: Partial<Record<MasterCallType, (call: MasterCall, state: MasterState) => Question>> = {
  GET_FLAGS: () => whole('view_flags'),
  SET_LOGGING_LEVEL: () => whole('set_log_level'),
  UPDATE_WEIGHTS: ({ updateWeights }) =>
    roles(
      'update_weights',
      (updateWeights!.weightInfos ?? []).map(({ role }) => role),
    ),
  UPDATE_QUOTA: ({ updateQuota }) =>
    roles(
      'update_quotas',
      (updateQuota!.quotaConfigs ?? []).map(({ role }) => role),
    ),
  SET_QUOTA: ({ setQuota }) => roles('update_quotas', [setQuota!.quotaRequest.role]),
  REMOVE_QUOTA: ({ removeQuota }) => roles('update_quotas', [removeQuota!.role]),
  // One that is not there is told as such: there is nothing to protect.
  TEARDOWN: ({ teardown }, { frameworks }) => {
    const framework = frameworks.get(asId<FrameworkId>(teardown!.frameworkId.value));
    return { action: 'teardown_frameworks', objects: framework ? [framework.info.principal ?? ''] : [] };
  },
  MARK_AGENT_GONE: () => whole('mark_agents_gone'),
  DRAIN_AGENT: () => whole('drain_agents'),
  DEACTIVATE_AGENT: () => whole('deactivate_agents'),
  REACTIVATE_AGENT: () => whole('reactivate_agents'),
  RESERVE_RESOURCES: ({ reserveResources }) => reserving(reserveResources!.resources),
  UNRESERVE_RESOURCES: ({ unreserveResources }) => unreserving(unreserveResources!.resources),
  CREATE_VOLUMES: ({ createVolumes }) => creating(createVolumes!.volumes),
  DESTROY_VOLUMES: ({ destroyVolumes }) => destroying(destroyVolumes!.volumes),
  GROW_VOLUME: ({ growVolume }) => resizing(growVolume!.volume),
  SHRINK_VOLUME: ({ shrinkVolume }) => resizing(shrinkVolume!.volume),
  UPDATE_MAINTENANCE_SCHEDULE: () => whole('update_maintenance_schedules'),
  START_MAINTENANCE: () => whole('start_maintenances'),
  STOP_MAINTENANCE: () => whole('stop_maintenances'),
};

export function mayCall({ shell: { state } }: MasterSite, { may }: Viewer, call: MasterCall): boolean {
  const question = QUESTIONS[call.type!]?.(call, state);
  return question === undefined || question.objects.every((object) => may(question.action, object));
}

/** The only files of a master are its logs. */
export const mayReadFile = (may: May): boolean => may('access_mesos_logs');

/** Rules about machines know no names: all of them are seen, or none. */
export const seenSchedule = ({ schedule }: MasterState, { may }: Viewer): MaintenanceSchedule =>
  may('get_maintenance_schedules') ? schedule : {};

export const seenMachines = (state: MasterState, { may }: Viewer): MaintenanceClusterStatus =>
  may('get_maintenance_statuses') ? maintenanceStatus(state) : {};
