import type { DoorPlan } from '../auth/doors.js';

export type AgentPart = 'readonly' | 'readwrite' | 'executor';

/** The field's realms. */
export const AGENT_REALMS: Readonly<Record<AgentPart, string>> = {
  readonly: 'mesos-agent-readonly',
  readwrite: 'mesos-agent-readwrite',
  executor: 'mesos-agent-executor',
};

export const AGENT_DOORS: DoorPlan<AgentPart> = {
  open: ['/', '/help', '/help/', '/health', '/version', '/system/stats.json', '/plugins/v1/'],
  parts: {
    executor: ['/api/v1/executor'],
    readonly: [
      ...['/state', '/flags', '/containers', '/containerizer/debug', '/monitor/statistics', '/monitor/statistics.json'],
      ...['/metrics', '/metrics/snapshot', '/files/'],
    ],
    readwrite: ['/api/v1', '/logging/toggle'],
  },
  others: ['readwrite', 'readonly'],
};
