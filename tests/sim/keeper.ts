import type { Offer, OfferOperation, OperationStatus, Resource, SchedulerCall } from '@mezzo/sdk/api';
import type { AgentNode } from './agent-node.js';
import type { World } from './world.js';

const MAX_VOLUMES = 3;
const MIB = 8;

/** What a framework with data does: reserves disk, makes volumes of it and destroys them again, and asks what became of each operation. */
export class Keeper {
  /** Operation id -> the volume it is to make, if any. Gone as soon as its end is told. */
  private readonly pending = new Map<string, { readonly agentId: string; readonly volume: string | undefined }>();
  /** Volume id -> the agent that is said to have it. */
  private readonly volumes = new Map<string, string>();
  /** What it asked to be destroyed may be there or not. */
  private readonly destroyed = new Set<string>();
  private counter = 0;

  constructor(
    private readonly world: World,
    private readonly name: string,
    private readonly call: (call: SchedulerCall) => void,
  ) {}

  operationsFor(offer: Offer): OfferOperation[] {
    const { random } = this.world.time;
    if (this.world.still || !random.chance(0.5)) return [];
    const role = offer.allocationInfo?.role ?? '*';
    const own = (offer.resources ?? []).filter(({ reservations = [] }) => reservations.length > 0);
    const volume = own.find(({ disk }) => disk?.persistence?.id.startsWith(this.name));
    const reserved = own.find(({ name, disk }) => name === 'disk' && disk === undefined);
    if (volume !== undefined && random.chance(0.5)) return [this.destroy(offer, volume)];
    if (reserved !== undefined && random.chance(0.3)) {
      return [this.named(offer, { type: 'UNRESERVE', unreserve: { resources: [reserved] } })];
    }
    return this.volumes.size < MAX_VOLUMES && hasDisk(offer) ? this.make(offer, role) : [];
  }

  private make(offer: Offer, role: string): OfferOperation[] {
    const disk: Resource = {
      ...{ name: 'disk', type: 'SCALAR', scalar: { value: MIB }, allocationInfo: { role } },
      reservations: [{ type: 'DYNAMIC', role }],
    };
    const id = `${this.name}-v${this.counter++}`;
    const made: Resource = { ...disk, disk: { persistence: { id }, volume: { containerPath: 'data', mode: 'RW' } } };
    return [
      this.named(offer, { type: 'RESERVE', reserve: { resources: [disk] } }),
      this.named(offer, { type: 'CREATE', create: { volumes: [made] } }, id),
    ];
  }

  private destroy(offer: Offer, volume: Resource): OfferOperation {
    const id = volume.disk!.persistence!.id;
    this.destroyed.add(id);
    this.volumes.delete(id);
    return this.named(offer, { type: 'DESTROY', destroy: { volumes: [volume] } });
  }

  private named(offer: Offer, operation: OfferOperation, volume?: string): OfferOperation {
    const id = `${this.name}-op${this.counter++}`;
    this.pending.set(id, { agentId: offer.agentId.value, volume });
    return { ...operation, id: { value: id } };
  }

  reconcile(): void {
    const operations = Array.from(this.pending, ([id, { agentId }]) => ({
      operationId: { value: id },
      agentId: { value: agentId },
    }));
    if (operations.length > 0) this.call({ type: 'RECONCILE_OPERATIONS', reconcileOperations: { operations } });
  }

  told({ operationId, agentId, uuid, state }: OperationStatus): void {
    const id = operationId!.value;
    if (uuid !== undefined) {
      const acknowledgement = { agentId, operationId: operationId!, uuid: uuid.value };
      this.call({ type: 'ACKNOWLEDGE_OPERATION_STATUS', acknowledgeOperationStatus: acknowledgement });
    }
    if (!ENDS.has(state)) return;
    const volume = this.pending.get(id)?.volume;
    this.pending.delete(id);
    if (state !== 'OPERATION_FINISHED' || volume === undefined || this.destroyed.has(volume)) return;
    this.volumes.set(volume, agentId!.value);
  }

  *audit(agents: readonly AgentNode[]): Generator<string> {
    for (const id of this.pending.keys()) yield `was never told what became of ${id}`;
    for (const [volume, agentId] of this.volumes) {
      const resources = agents.find(({ state }) => state?.agentId === agentId)?.state?.resources ?? [];
      if (!resources.some(({ disk }) => disk?.persistence?.id === volume))
        yield `was told of the volume ${volume} on ${agentId}, which is not there`;
    }
  }
}

const hasDisk = ({ resources = [] }: Offer): boolean =>
  resources.some(
    ({ name, reservations, scalar }) => name === 'disk' && !reservations?.length && (scalar?.value ?? 0) >= MIB,
  );

const ENDS: ReadonlySet<string> = new Set([
  'OPERATION_FINISHED',
  'OPERATION_ERROR',
  'OPERATION_DROPPED',
  'OPERATION_GONE_BY_OPERATOR',
  'OPERATION_UNKNOWN',
]);
