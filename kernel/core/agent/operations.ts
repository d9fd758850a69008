import type { OperationStatus } from '@mezzo/sdk/api';
import type { DownMessage } from '../protocol.js';
import { asGiven, Resources, type Entry } from '../resources/index.js';
import { saveResources, type ResourcesRecord } from './checkpoint.js';
import type { PersistentVolume } from './effects.js';
import type { AgentConfig } from './state.js';
import { uuidToBase64 } from '../uuid.js';
import { count, emit, nextUuid, type Turn } from './turn.js';
import { retryWaitMs } from './updates.js';
import { answered, offeredBy } from './views.js';

/** Reservations and persistent volumes of this agent, and what it was asked to do about them. */

export const OPERATION_TIMER = 'operation/';

/** All or nothing: the new resources and the answer are one record. */
export function applyOperation(turn: Turn, message: Extract<DownMessage, { type: 'applyOperation' }>): void {
  const { state } = turn;
  const { uuid, frameworkId, info } = message;
  if (state.operations.has(uuid)) return;
  const [from, to] = [Resources.of(message.from), Resources.of(message.to)];
  const total = Resources.of(state.resources);
  const isPossible = total.contains(from);
  const outcome = isPossible ? 'OPERATION_FINISHED' : 'OPERATION_DROPPED';
  const status: OperationStatus = {
    ...(info.id && { operationId: info.id }),
    state: outcome,
    ...(!isPossible && { message: `The agent has not got ${String(from)}` }),
    uuid: { value: uuidToBase64(nextUuid(state)) },
  };
  state.operations.set(uuid, { uuid, ...(frameworkId !== undefined && { frameworkId }), info, status, retryMs: 0 });
  if (isPossible) state.resources = total.subtract(from).add(to).toMessages('post');
  const [gone, come] = [volumesOf(state.config, from), volumesOf(state.config, to)];
  if (isPossible) for (const volume of without(come, gone)) emit(turn, { type: 'createVolume', volume, fresh: true });
  saveResources(turn, state);
  if (isPossible) for (const volume of without(gone, come)) emit(turn, { type: 'destroyVolume', volume });
  else tellResources(turn);
  count(state, `slave/operations_${outcome.slice('OPERATION_'.length).toLowerCase()}`);
  sendOperation(turn, uuid, false);
}

/** Operations that are under way to us are not in it: the master must tell them from those that are. */
export function tellResources(turn: Turn): void {
  const [resources, operations] = [offeredBy(turn.state), [...turn.state.operations.keys()]];
  emit(turn, { type: 'sendMaster', call: { type: 'updateResources', resources, operations } });
}

export function acknowledgeOperation(turn: Turn, uuid: string): void {
  if (!turn.state.operations.delete(uuid)) return;
  emit(turn, { type: 'cancelTimer', key: OPERATION_TIMER + uuid });
  saveResources(turn, turn.state);
}

/** Tells what became of an operation: at once, after a registration, and after its timer has fired. */
export function sendOperation(turn: Turn, uuid: string, afterRetry: boolean): void {
  const operation = turn.state.operations.get(uuid);
  if (operation === undefined || turn.state.link.phase !== 'registered') return;
  operation.retryMs = retryWaitMs(operation.retryMs, afterRetry);
  emit(
    turn,
    { type: 'sendMaster', call: { type: 'operationUpdated', operation: answered(operation) } },
    { type: 'setTimer', key: OPERATION_TIMER + uuid, delayMs: operation.retryMs },
  );
}

/** What the machine has, with the reservations and volumes of the last life; or why they do not go together. */
export function recoverResources(turn: Turn, record: ResourcesRecord | undefined): string | undefined {
  const { state } = turn;
  for (const operation of record?.operations ?? []) state.operations.set(operation.uuid, { ...operation, retryMs: 0 });
  const kept = record?.kept ?? [];
  const given = Resources.of(kept.map(asGiven));
  const total = Resources.of(state.config.resources);
  if (!total.contains(given)) {
    const remedy = `start it with at least these, or remove ${state.config.workDir}/meta to give them up`;
    return `this agent has reservations or volumes on ${String(given)}, and only ${String(total)} to begin with: ${remedy}`;
  }
  if (kept.length > 0) state.resources = total.subtract(given).add(Resources.of(kept)).toMessages('post');
  for (const volume of volumesOf(state.config, Resources.of(kept)))
    emit(turn, { type: 'createVolume', volume, fresh: false });
  return undefined;
}

/** Volumes among the resources, and where they lie. */
export function volumesOf(config: AgentConfig, resources: Resources): PersistentVolume[] {
  return resources.entries.flatMap((entry) => volumeOf(config, entry) ?? []);
}

function volumeOf({ workDir }: AgentConfig, { id }: Entry): PersistentVolume | undefined {
  const { persistence, volume, source } = id.disk ?? {};
  if (persistence === undefined) return undefined;
  const root = source?.mount?.root ?? source?.path?.root ?? workDir;
  const path = `volumes/roles/${(id.reservedRole ?? '').replaceAll('/', ' ')}/${persistence.id}`;
  return {
    directory: source?.type === 'MOUNT' ? root : `${root.startsWith('/') ? root : `${workDir}/${root}`}/${path}`,
    isMount: source?.type === 'MOUNT',
    containerPath: volume?.containerPath ?? '',
    readOnly: volume?.mode === 'RO',
  };
}

const without = (some: readonly PersistentVolume[], others: readonly PersistentVolume[]): PersistentVolume[] =>
  some.filter(({ directory }) => !others.some((other) => other.directory === directory));
