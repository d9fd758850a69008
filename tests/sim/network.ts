import type { Timeline } from './timeline.js';

/** How bad the network is. All are probabilities per message, or milliseconds. */
export interface Weather {
  latencyMs: number;
  /** The stream breaks instead of carrying this record. */
  cut: number;
  /** A single record or call vanishes. */
  loss: number;
  /** It arrives twice. */
  duplication: number;
  /** Chance that one end of a broken stream does not notice for long (a one-way cut). */
  halfOpen: number;
  /** Disks take this many times as long. */
  slowness: number;
}

export const CALM: Weather = { latencyMs: 5, cut: 0, loss: 0, duplication: 0, halfOpen: 0, slowness: 1 };

const NOTICE_LATE_MS = 40_000;
/** Who asks waits no longer for an answer. */
const CALL_TIMEOUT_MS = 30_000;

/** `up` is to the master. */
export type Direction = 'up' | 'down';

/** The way between two nodes. Each direction may be clogged: what is sent then arrives once it is free, in its order, as TCP has it. */
export class Line {
  private readonly held = new Map<Direction, (() => void)[]>();

  pass(direction: Direction, arrive: () => void): void {
    const held = this.held.get(direction);
    if (held === undefined) arrive();
    else held.push(arrive);
  }

  clog(direction: Direction): void {
    if (!this.held.has(direction)) this.held.set(direction, []);
  }

  free(direction: Direction): void {
    const held = this.held.get(direction) ?? [];
    this.held.delete(direction);
    for (const arrive of held) arrive();
  }

  get isClogged(): boolean {
    return this.held.size > 0;
  }
}

/** One long-lived stream with an end on each side. Records keep their order; either end may learn late that it broke. */
export class Stream<Record> {
  private open = true;
  private lastArrivalMs = 0;

  constructor(
    private readonly time: Timeline,
    private readonly weather: Weather,
    private readonly deliver: (record: Record) => void,
    private readonly readerLost: () => void,
    private readonly writerLost: () => void,
    /** Records may vanish or double one by one only where the reader counts them. */
    private readonly counted: boolean,
    private readonly line: Line,
  ) {}

  get isOpen(): boolean {
    return this.open;
  }

  send(record: Record): void {
    if (!this.open) return;
    const { random } = this.time;
    if (random.chance(this.weather.cut)) return this.break();
    if (this.counted && random.chance(this.weather.loss)) return;
    this.arrive(record);
    if (this.counted && random.chance(this.weather.duplication)) this.arrive(record);
  }

  /** Breaks the stream; what is under way is lost with it. */
  break(): void {
    if (!this.open) return;
    this.open = false;
    const { random } = this.time;
    const late = () => (random.chance(this.weather.halfOpen) ? NOTICE_LATE_MS : 20);
    this.time.after(random.between(0, late()), () => this.line.pass('down', this.readerLost));
    this.time.after(random.between(0, late()), () => this.line.pass('up', this.writerLost));
  }

  /** One end is gone for good (a crash): only the other is told. */
  vanish(who: 'reader' | 'writer'): void {
    if (!this.open) return;
    this.open = false;
    const [direction, lost] =
      who === 'reader' ? (['up', this.writerLost] as const) : (['down', this.readerLost] as const);
    this.time.after(this.time.random.between(0, 20), () => this.line.pass(direction, lost));
  }

  /** Closed by the writer after what was sent: the reader sees it all, then the end. */
  end(): void {
    if (!this.open) return;
    const at = Math.max(this.time.nowMs + this.weather.latencyMs, this.lastArrivalMs);
    const close = () => {
      if (!this.open) return;
      this.open = false;
      this.readerLost();
    };
    this.time.after(at - this.time.nowMs, () => this.line.pass('down', close));
  }

  private arrive(record: Record): void {
    const at = Math.max(this.time.nowMs + this.time.random.between(0, this.weather.latencyMs), this.lastArrivalMs);
    this.lastArrivalMs = at;
    const arrive = () => this.open && this.deliver(record);
    this.time.after(at - this.time.nowMs, () => this.line.pass('down', arrive));
  }
}

/** One request: it may vanish before or after it was served, or be served twice. `answer` is called once, with undefined when nothing came back in time. */
export function call<Answer>(
  time: Timeline,
  weather: Weather,
  line: Line,
  serve: () => Answer | undefined,
  answer: (value: Answer | undefined) => void,
): void {
  const { random } = time;
  const way = () => random.between(0, weather.latencyMs);
  let isAnswered = false;
  const once = (value: Answer | undefined) => {
    if (!isAnswered) answer(value);
    isAnswered = true;
  };
  if (random.chance(weather.loss)) return void time.after(way() + random.between(0, 5000), () => answer(undefined));
  const arrive = () => {
    const value = serve();
    if (random.chance(weather.duplication)) time.after(way(), serve);
    const lost = value === undefined || random.chance(weather.loss);
    time.after(way(), () => line.pass('down', () => once(lost ? undefined : value)));
  };
  time.after(way(), () => {
    if (line.isClogged) time.after(CALL_TIMEOUT_MS, () => once(undefined));
    line.pass('up', arrive);
  });
}
