import type {
  ExecutorInfo,
  Offer,
  OfferID,
  Resource,
  SchedulerCall,
  SchedulerEvent,
  TaskState,
  TaskStatus,
} from '@mezzo/sdk/api';
import type { ConnectionId } from '@mezzo/sdk/contract';
import type { Stream } from './network.js';
import type { MasterNode } from './master-node.js';
import { Keeper } from './keeper.js';
import { SECRETS } from './secret-keeper.js';
import { Violation, type World } from './world.js';

/**
 * polite: launches what it wants, acknowledges, reconciles. greedy: sits on offers before it answers. silent: never answers.
 * doubling: sends each call twice. flapping: drops its stream again and again.
 */
export type Manners = 'polite' | 'greedy' | 'silent' | 'doubling' | 'flapping';

export interface Wish {
  readonly tasks: number;
  readonly cpus: number;
  readonly mem: number;
  /** 0 = for ever. */
  readonly lifeMs: number;
  /** Launches what it lacks as a group, in a pod of its own. */
  readonly grouped: boolean;
}

/** Of an executor of pods, by itself. */
const POD_CPUS = 0.01;
const POD_MEM = 32;
const POD_DISK = 1;

interface TaskView {
  readonly id: string;
  readonly group: string | undefined;
  readonly agentId: string;
  readonly state: TaskState;
  /** On resources that may be taken away. */
  readonly spare: boolean;
}

const GONE: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
]);
const BY_ITSELF: ReadonlySet<TaskState> = new Set<TaskState>(['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED']);
const RECONNECT_MS = 1000;
const RECONCILE_MS = 60_000;

const scalar = (name: string, value: number): Resource => ({ name, type: 'SCALAR', scalar: { value } });
const amount = (offer: Offer, name: string, spare = false): number =>
  (offer.resources ?? [])
    .filter((resource) => resource.name === name && (resource.revocable !== undefined) === spare)
    .reduce((sum, { scalar: s }) => sum + (s?.value ?? 0), 0);

const podOf = (id: string, cpus: Resource): ExecutorInfo => ({
  type: 'DEFAULT',
  executorId: { value: id },
  resources: [cpus, scalar('mem', POD_MEM), scalar('disk', POD_DISK)],
});

/** A scheduler as users write them. It keeps its own books over reconnections, as a framework with a database does. */
export class FrameworkNode {
  id: string | undefined;
  readonly tasks = new Map<string, TaskView>();
  /** Those of them that did not end. */
  private readonly alive = new Map<string, TaskView>();
  /** Every task id it ever launched, and how often it was told of an update after having acknowledged it. */
  readonly everLaunched = new Set<string>();
  offersSeen = 0;
  /** In worlds with operations. */
  readonly keeper: Keeper | undefined;
  /** Where its stream goes, or last went. */
  served: MasterNode;
  private unanswered: Offer[] = [];
  private stream: Stream<SchedulerEvent> | undefined;
  private connection: ConnectionId | undefined;
  private attempt = 0;
  private counter = 0;

  constructor(
    private readonly world: World,
    readonly name: string,
    readonly manners: Manners,
    readonly wish: Wish,
    readonly partitionAware: boolean,
  ) {
    this.served = world.leader;
    this.keeper = world.withOperations ? new Keeper(world, name, (call) => this.call(call)) : undefined;
  }

  start(): void {
    this.connect();
    this.reconcileLater();
    if (this.manners === 'flapping') this.flap();
  }

  get role(): string {
    const top = this.name.startsWith('a') ? 'apps' : 'jobs';
    return this.world.isNested ? `${top}/${Number(this.name.slice(3)) < 2 ? 'a' : 'b'}` : top;
  }

  /** It takes what may be taken away at any time. */
  private get takesSpare(): boolean {
    return this.world.isOversubscribed && this.role === 'jobs';
  }

  isOnSpare(id: string): boolean {
    return this.tasks.get(id)?.spare === true;
  }

  get live(): TaskView[] {
    return [...this.alive.values()];
  }

  private get missing(): number {
    return this.wish.tasks - this.alive.size;
  }

  private keep(task: TaskView): void {
    this.tasks.set(task.id, task);
    if (GONE.has(task.state)) this.alive.delete(task.id);
    else this.alive.set(task.id, task);
  }

  private connect(): void {
    const { world } = this;
    const attempt = ++this.attempt;
    this.connection = undefined;
    const current = () => attempt === this.attempt;
    this.served = world.leader;
    this.stream = this.served.subscribeScheduler(
      {
        type: 'SUBSCRIBE',
        ...(this.id === undefined ? {} : { frameworkId: { value: this.id } }),
        subscribe: {
          frameworkInfo: {
            user: 'root',
            name: this.name,
            failoverTimeout: 604_800,
            checkpoint: true,
            roles: [this.role],
            ...(this.id === undefined ? {} : { id: { value: this.id } }),
            capabilities: [
              { type: 'MULTI_ROLE' },
              { type: 'RESERVATION_REFINEMENT' },
              ...(this.partitionAware ? [{ type: 'PARTITION_AWARE' as const }] : []),
              ...(this.takesSpare ? [{ type: 'REVOCABLE_RESOURCES' as const }] : []),
            ],
          },
        },
      },
      (event, connection) => current() && this.receive(event, connection),
      () => current() && this.reconnectLater(),
      world.line(this.name, this.served),
    );
    if (this.stream === undefined) this.reconnectLater();
  }

  private reconnectLater(): void {
    const attempt = ++this.attempt;
    this.connection = undefined;
    this.world.time.after(RECONNECT_MS, () => attempt === this.attempt && this.connect());
  }

  private flap(): void {
    const { time } = this.world;
    time.after(time.random.between(5000, 60_000), () => {
      if (this.world.calm) return;
      this.stream?.vanish('reader');
      this.reconnectLater();
      this.flap();
    });
  }

  private reconcileLater(): void {
    this.world.time.after(RECONCILE_MS, () => {
      this.reconcile();
      this.reconcileLater();
    });
  }

  /** Asks about what it believes to live, and for all that the master knows. */
  private reconcile(): void {
    const tasks = this.live.map(({ id, agentId }) => ({ taskId: { value: id }, agentId: { value: agentId } }));
    if (tasks.length > 0) this.call({ type: 'RECONCILE', reconcile: { tasks } });
    this.call({ type: 'RECONCILE', reconcile: {} });
    this.keeper?.reconcile();
    if (this.missing > 0) this.call({ type: 'REVIVE' });
    if (this.missing > 0 && this.asks && this.world.isTight) this.call(this.request());
    if (this.world.calm) for (const offer of this.unanswered.splice(0)) this.answer(offer);
  }

  private call(call: SchedulerCall): void {
    const { connection } = this;
    if (connection === undefined || this.id === undefined) return;
    const ownCall = { ...call, frameworkId: { value: this.id } };
    this.world.callSchedulerApi(this, ownCall, connection, this.manners === 'doubling');
  }

  private receive(event: SchedulerEvent, connection: ConnectionId): void {
    this.world.time.note(
      this.name,
      () => `< ${event.type ?? ''} ${event.update?.status?.taskId.value ?? ''} ${event.update?.status?.state ?? ''}`,
    );
    switch (event.type) {
      case 'SUBSCRIBED':
        this.id = event.subscribed!.frameworkId.value;
        this.connection = connection;
        return this.reconcile();
      case 'OFFERS':
        for (const offer of event.offers?.offers ?? []) this.offered(offer);
        return;
      case 'INVERSE_OFFERS':
        for (const { id } of event.inverseOffers?.inverseOffers ?? []) this.askedToLeave(id);
        return;
      case 'UPDATE':
        return this.updated(event.update!.status);
      case 'UPDATE_OPERATION_STATUS':
        return this.keeper?.told(event.updateOperationStatus!.status);
      case 'ERROR':
        // "Failed over" is the old stream's; a removed framework starts again from nothing.
        if (event.error?.message === 'Framework has been removed') this.id = undefined;
        return;
      default:
    }
  }

  private offered(offer: Offer): void {
    this.offersSeen++;
    if (!this.takesSpare && offer.resources?.some(({ revocable }) => revocable))
      throw new Violation(`${this.name} is offered what may be taken away, which it does not know`);
    if (this.manners === 'silent' && !this.world.calm) return void this.unanswered.push(offer);
    const wait = this.manners === 'greedy' && !this.world.calm ? this.world.time.random.between(0, 30_000) : 0;
    if (wait === 0) return this.answer(offer);
    this.world.time.after(wait, () => this.answer(offer));
  }

  private askedToLeave(id: OfferID): void {
    const { random } = this.world.time;
    if (this.manners === 'silent') return;
    const about = { inverseOfferIds: [id], filters: { refuseSeconds: random.pick([0, 5, 300]) } };
    if (random.chance(0.5)) this.call({ type: 'ACCEPT_INVERSE_OFFERS', acceptInverseOffers: about });
    else this.call({ type: 'DECLINE_INVERSE_OFFERS', declineInverseOffers: about });
  }

  private answer(offer: Offer): void {
    const { cpus, mem, lifeMs, grouped } = this.wish;
    const [podCpus, podMem] = grouped ? [POD_CPUS, POD_MEM] : [0, 0];
    const freeMem = amount(offer, 'mem') - podMem;
    const fits = (free: number): number => Math.max(0, Math.floor(free + 1e-9));
    const missing = Math.max(this.missing, 0);
    const isHosted = !grouped || freeMem >= 0;
    const spare = isHosted ? Math.min(missing, fits((amount(offer, 'cpus', true) - podCpus) / cpus)) : 0;
    const firm = fits(Math.min((amount(offer, 'cpus') - podCpus) / cpus, freeMem / mem));
    // In a group the two do not mix.
    const count = spare + (grouped && spare > 0 ? 0 : Math.min(missing - spare, firm));
    const cpusOf = (value: number, isSpare: boolean): Resource => ({
      ...scalar('cpus', value),
      ...(isSpare && { revocable: {} }),
    });
    const group = grouped ? `${this.name}.pod${this.counter}` : undefined;
    const role = offer.allocationInfo?.role ?? '*';
    const allocated = (resource: Resource): Resource => ({ ...resource, allocationInfo: { role } });
    const variables = [{ name: 'SIM_LIFE_MS', value: String(lifeMs) }, ...(this.world.isSecretive ? SECRETS : [])];
    const taskInfos = Array.from({ length: count }, (_, i) => {
      const id = `${this.name}.${this.counter++}`;
      this.everLaunched.add(id);
      const isSpare = i < spare;
      this.keep({ id, group, agentId: offer.agentId.value, state: 'TASK_STAGING', spare: isSpare });
      const own = [cpusOf(cpus, isSpare), ...(isSpare ? [] : [scalar('mem', mem)])];
      return {
        name: id,
        taskId: { value: id },
        agentId: offer.agentId,
        resources: own.map(allocated),
        command: { value: 'sleep', environment: { variables } },
      };
    });
    const operations = this.keeper?.operationsFor(offer) ?? [];
    if (count === 0 && operations.length === 0)
      return this.call({ type: 'DECLINE', decline: { offerIds: [offer.id], filters: { refuseSeconds: 30 } } });
    this.call({
      type: 'ACCEPT',
      accept: {
        offerIds: [offer.id],
        operations: [
          ...operations,
          group === undefined
            ? { type: 'LAUNCH', launch: { taskInfos } }
            : {
                type: 'LAUNCH_GROUP',
                launchGroup: { executor: podOf(group, cpusOf(POD_CPUS, spare > 0)), taskGroup: { tasks: taskInfos } },
              },
        ],
        filters: { refuseSeconds: 1 },
      },
    });
  }

  private updated(status: TaskStatus): void {
    const id = status.taskId.value;
    const task = this.tasks.get(id);
    if (status.uuid !== undefined && (this.manners !== 'silent' || this.world.calm)) {
      this.call({
        type: 'ACKNOWLEDGE',
        acknowledge: { agentId: status.agentId!, taskId: status.taskId, uuid: status.uuid },
      });
    }
    if (task === undefined || status.state === undefined) return;
    if (status.reason === 'REASON_CONTAINER_PREEMPTED' && status.state !== 'TASK_KILLED')
      this.world.toldPreempted(this, id, status.state);
    if (BY_ITSELF.has(status.state) && status.reason !== 'REASON_CONTAINER_PREEMPTED')
      this.world.toldEnded(this, id, status.state);
    if (status.state === 'TASK_DROPPED') this.world.toldDropped(this, id);
    if (status.state === 'TASK_KILLED') this.world.toldKilled(this, id, status.reason);
    // A state that ended is final, save that an agent thought lost may come back with its tasks.
    if (GONE.has(task.state) && !['TASK_LOST', 'TASK_UNKNOWN', 'TASK_GONE'].includes(task.state)) return;
    // To frameworks that are not partition-aware a partition looks like an end, by the protocol.
    if (GONE.has(status.state) && this.partitionAware) this.world.toldOver(this, id, status.state);
    this.keep({ ...task, state: status.state });
    if (this.missing > 0) this.call(this.asks ? this.request() : { type: 'REVIVE' });
  }

  /** Some say what they want before they take whatever is offered. */
  get asks(): boolean {
    return this.partitionAware && !this.wish.grouped;
  }

  private request(): SchedulerCall {
    const resources = [scalar('cpus', this.wish.cpus), scalar('mem', this.wish.mem)];
    return { type: 'REQUEST', request: { requests: Array.from({ length: this.missing }, () => ({ resources })) } };
  }
}
