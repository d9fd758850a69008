import { token } from '../contract/tokens.js';
import type { OperatorEventsFactory } from './operator-events.js';
import type { SchedulerClientFactory } from './scheduler-client.js';

/** `scheduler`: become a framework of this cluster. */
export const SCHEDULER = token<SchedulerClientFactory>('service/scheduler');
/** `operator-events`: follow what happens in this cluster. */
export const OPERATOR_EVENTS = token<OperatorEventsFactory>('service/operator-events');
