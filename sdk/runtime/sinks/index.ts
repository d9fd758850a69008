import { MezzoError } from '../../contract/errors.js';
import type { Disposable } from '../../contract/plugin.js';
import type { ExtensionPoint } from '../../contract/tokens.js';
import { systemClock, type Clock } from '../../framework/clock.js';
import type { OperatorEventsFactory } from '../../framework/operator-events.js';
import { DISCOVERY_SINK } from '../../points/discovery-sink.js';
import { EVENT_SINK } from '../../points/event-sink.js';
import { METRICS_SINK } from '../../points/metrics-sink.js';
import type { Contributed } from '../plugin-run.js';
import { DiscoveryDriver } from './discovery-driver.js';
import { EventDriver } from './event-driver.js';
import { MetricsDriver } from './metrics-driver.js';
import type { Scraper } from './scraper.js';
import type { SinkParts } from './sink-caller.js';

export { clusterHttp } from './cluster-http.js';
export { Scraper } from './scraper.js';

/** What sinks are filled from. */
export interface SinkSources {
  readonly events: OperatorEventsFactory;
  readonly scraper: Pick<Scraper, 'daemons' | 'scrape'>;
  /** Default: that of this process. */
  readonly clock?: Clock;
}

interface Driver {
  run(): Promise<void>;
}

/** Puts the sinks of a plugin to work, each on its own, until it is disposed. Throws SINK_INVALID. */
export function driveSinks(contributed: Contributed, { events, scraper, clock }: SinkSources): Disposable {
  const stop = new AbortController();
  const parts = (which: number): SinkParts => ({
    clock: clock ?? systemClock,
    signal: stop.signal,
    trouble: (about, reason) => contributed.trouble(`${about}#${which}`, reason),
  });
  const drivers: Driver[] = [
    ...of(contributed, EVENT_SINK, 'write').map((sink, i) => new EventDriver(sink, events, parts(i))),
    ...of(contributed, METRICS_SINK, 'write').map((sink, i) => new MetricsDriver(sink, scraper, parts(i))),
    ...of(contributed, DISCOVERY_SINK, 'replace', 'change').map(
      (sink, i) => new DiscoveryDriver(sink, events, parts(i)),
    ),
  ];
  const ended = Promise.all(drivers.map((driver) => driver.run()));
  return {
    dispose: async () => {
      stop.abort();
      await ended;
    },
  };
}

function of<T extends object>(
  contributed: Contributed,
  point: ExtensionPoint<T>,
  ...methods: (keyof T & string)[]
): readonly T[] {
  const sinks = contributed.to(point);
  for (const sink of sinks)
    for (const method of methods)
      if (typeof sink[method] !== 'function')
        throw new MezzoError('SINK_INVALID', `what is contributed to ${point.id} has no "${method}"`, {
          blame: 'plugin',
          next: `see @mezzo/sdk/points/${point.id.replace(/\.v\d+$/, '')}`,
        });
  return sinks;
}
