import { messageOf, MezzoError } from '../../contract/errors.js';
import { METRICS_SINK, type MetricsSink, type Scrape } from '../../points/metrics-sink.js';
import type { Daemon, Scraper } from './scraper.js';
import { pause, SinkCaller, type SinkParts } from './sink-caller.js';

/** Daemons that are asked at the same time. */
const CONCURRENCY = 16;
/** So many answers make one call of the sink. */
const BATCH = 32;
const LIST_EVERY_MS = 30_000;
const SHOWN = 3;

/** Asks all daemons for their metrics, round by round, and brings what they tell to one sink. Who answers late, or not, holds nobody else up. */
export class MetricsDriver {
  private readonly caller: SinkCaller;
  private readonly intervalMs: number;
  private daemons: readonly Daemon[] = [];
  private listedMs = -Infinity;
  private waiting: Scrape[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly sink: MetricsSink,
    private readonly scraper: Pick<Scraper, 'daemons' | 'scrape'>,
    private readonly parts: SinkParts,
  ) {
    this.caller = new SinkCaller(METRICS_SINK.id, parts);
    const { intervalSeconds } = sink;
    if (!(intervalSeconds >= 1 && intervalSeconds <= 86_400))
      throw new MezzoError('SINK_INVALID', `intervalSeconds of a metrics sink is ${intervalSeconds}`, {
        blame: 'plugin',
        next: 'make it 1 to 86400',
      });
    this.intervalMs = intervalSeconds * 1000;
  }

  /** Until the plugin stops. */
  async run(): Promise<void> {
    const { clock, signal } = this.parts;
    while (!signal.aborted) {
      const dueMs = clock.now() + this.intervalMs;
      await this.round(dueMs);
      await pause(this.parts, dueMs - clock.now());
    }
  }

  private async round(dueMs: number): Promise<void> {
    const { clock, signal } = this.parts;
    if (!(await this.list())) return;
    const left = [...this.daemons];
    const silent: string[] = [];
    const ask = async (): Promise<void> => {
      for (let daemon = left.shift(); daemon !== undefined && !signal.aborted; daemon = left.shift()) {
        const scrapes = await this.scraper.scrape(daemon, clock.now());
        for (const { target, problem } of scrapes) if (problem) silent.push(`${target.kind} ${target.id} (${problem})`);
        this.waiting.push(...scrapes);
        if (this.waiting.length >= BATCH) await this.flush(dueMs);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, ask));
    await this.flush(dueMs);
    this.tellSilent(silent);
  }

  private async list(): Promise<boolean> {
    const now = this.parts.clock.now();
    if (now - this.listedMs < LIST_EVERY_MS) return true;
    try {
      this.daemons = await this.scraper.daemons();
      this.listedMs = now;
      this.trouble('list', undefined);
      return true;
    } catch (error) {
      this.trouble('list', `it is not known whom to ask: ${messageOf(error)}`);
      return false;
    }
  }

  /** Resolves when what waits was taken or dropped: nobody asks on before. */
  private flush(dueMs: number): Promise<void> {
    this.writing = this.writing.then(async () => {
      const scrapes = this.waiting.splice(0);
      if (scrapes.length > 0) await this.caller.deliver((signal) => this.sink.write(scrapes, signal), dueMs);
    });
    return this.writing;
  }

  private tellSilent(silent: readonly string[]): void {
    const shown = silent.slice(0, SHOWN).join(', ');
    const more = silent.length > SHOWN ? ` and ${silent.length - SHOWN} more` : '';
    this.trouble('targets', silent.length === 0 ? undefined : `these do not tell all: ${shown}${more}`);
    // A master that does not answer may not lead any more.
    if (silent.some((one) => one.startsWith('master'))) this.listedMs = -Infinity;
  }

  private trouble(about: string, reason: string | undefined): void {
    this.parts.trouble(`${METRICS_SINK.id}/${about}`, reason && `${METRICS_SINK.id}: ${reason}`);
  }
}
