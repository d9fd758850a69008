import type { Direction } from './network.js';
import { isFrosty, type World } from './world.js';

const FREEZES_MS = [500, 5000, 60_000];
/** Just longer than its session: it wakes while others begin to go elsewhere. */
const LONG_FREEZE_MS = [10_500, 18_000] as const;
const CUTS_MS = [1000, 5000, 8000, 30_000, 200_000];
const CLOGS_MS = [500, 20_000, 100_000, 400_000];
const SLOW_MS = 30_000;

/** What can go wrong where several masters stand for election, beside all that can with one. */
export class FaultsOfMany {
  private readonly faults = [
    () => this.freezeMaster(),
    () => this.freezeMaster(),
    () => this.cutMaster(),
    () => this.stopMaster(),
    () => this.clog(),
    () => this.clog(),
    () => this.slowDown(),
    () => this.world.marathon?.crash(),
    () => this.misleadClock(),
  ];

  constructor(private readonly world: World) {}

  strike(): void {
    const { random } = this.world.time;
    if (isFrosty(this.world.seed) && random.chance(0.6)) this.freezeMaster();
    else random.pick(this.faults)();
  }

  private freezeMaster(): void {
    const { ensemble, time, leader } = this.world;
    const forMs = time.random.chance(0.6) ? time.random.between(...LONG_FREEZE_MS) : time.random.pick(FREEZES_MS);
    if (leader.isRunning) ensemble.freeze(leader, forMs);
  }

  private cutMaster(): void {
    const { ensemble, time, masters } = this.world;
    ensemble.cutOff(time.random.pick(masters), time.random.pick(CUTS_MS));
  }

  /** SIGTERM: it says so before it ends. Who stands still hears it when it goes on. */
  private stopMaster(): void {
    const { leader } = this.world;
    leader.whenAwake(() => leader.giveUp('asked to stop'));
  }

  /** One direction, or both, between the leader and one that it speaks with. */
  private clog(): void {
    const { time, agents, frameworks, leader } = this.world;
    const { name } = time.random.pick([...agents, ...frameworks]);
    const line = this.world.line(name, leader);
    const directions = time.random.pick<readonly Direction[]>([['up'], ['down'], ['up', 'down']]);
    const forMs = time.random.pick(CLOGS_MS);
    time.note(name, () => `cannot pass ${directions.join(' and ')} to ${leader.name} for ${forMs} ms`);
    for (const direction of directions) {
      line.clog(direction);
      time.after(forMs, () => line.free(direction));
    }
  }

  private slowDown(): void {
    const { weather, time } = this.world;
    if (weather.slowness > 1) return;
    const { latencyMs } = weather;
    Object.assign(weather, { slowness: 100, latencyMs: latencyMs + 2000 });
    time.after(SLOW_MS, () => !this.world.calm && Object.assign(weather, { slowness: 1, latencyMs }));
  }

  private misleadClock(): void {
    const { time, masters } = this.world;
    time.random.pick(masters).clock.run(time.random.pick([0.5, 0.9, 1, 1.1, 1.5]));
  }
}
