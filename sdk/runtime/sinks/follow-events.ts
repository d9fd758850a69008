import type { MasterEvent } from '../../api/messages.js';
import { messageOf } from '../../contract/errors.js';
import type { OperatorEventsFactory } from '../../framework/operator-events.js';
import { pause, type SinkParts } from './sink-caller.js';

const RETRY_MS = 2_000;
/** A master that is back is worth asking soon. */
const BACKOFF = { initialMs: 100, maxMs: 2_000 };

/**
 * Hands over events one after the other until the plugin stops. A refusal is told and asked again. `onEvent` answers false to end this subscription;
 * `mayBegin` says when the next one may.
 */
export async function followEvents(
  point: string,
  factory: OperatorEventsFactory,
  parts: SinkParts,
  onEvent: (event: MasterEvent) => boolean,
  mayBegin: () => Promise<void> = async () => {},
): Promise<void> {
  const { signal } = parts;
  const about = `${point}/events`;
  for (; !signal.aborted; await pause(parts, RETRY_MS)) {
    await mayBegin();
    if (signal.aborted) return;
    const events = factory.subscribe({ backoff: BACKOFF });
    const close = (): void => void events.close();
    signal.addEventListener('abort', close);
    try {
      for await (const event of events) {
        if (event.subscribed) parts.trouble(about, undefined);
        if (signal.aborted || !onEvent(event)) break;
      }
    } catch (error) {
      parts.trouble(about, `${point}: the master's events cannot be had: ${messageOf(error)}`);
    }
    signal.removeEventListener('abort', close);
    await events.close();
  }
}
