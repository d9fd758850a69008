import type { DoorPlan } from '../auth/doors.js';

export type MasterPart = 'readonly' | 'readwrite' | 'scheduler';

/** The field's realms. Agents and plugins show tokens of the cluster at their own APIs. */
export const MASTER_REALMS: Readonly<Record<MasterPart, string>> = {
  readonly: 'mesos-master-readonly',
  readwrite: 'mesos-master-readwrite',
  scheduler: 'mesos-master-scheduler',
};

export const MASTER_DOORS: DoorPlan<MasterPart> = {
  open: [
    '/',
    '/help',
    '/help/',
    '/health',
    '/version',
    '/redirect',
    '/system/stats.json',
    '/agent/v1/',
    '/plugins/v1/',
    '/store/v1/',
  ],
  parts: {
    scheduler: ['/api/v1/scheduler'],
    readonly: [
      ...['/state', '/state-summary', '/slaves', '/frameworks', '/tasks', '/roles', '/flags', '/maintenance/status'],
      ...['/metrics', '/metrics/snapshot', '/explain', '/files/', '/registrar(1)/registry'],
    ],
    readwrite: [
      ...['/api/v1', '/logging/toggle', '/teardown', '/reserve', '/unreserve', '/create-volumes', '/destroy-volumes'],
      ...['/weights', '/priorities', '/quota', '/quota/', '/maintenance/schedule', '/machine/'],
    ],
  },
  others: ['readwrite', 'readonly'],
};
