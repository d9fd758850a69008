import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;
/** By how much all deadlines are longer than on a usual machine: for emulated ones. */
export const PATIENCE = Number(process.env.MEZZO_TEST_PATIENCE ?? 1);

/** Repeats until it holds; throws at the deadline, and what `holds` throws. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 10_000 * PATIENCE,
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await holds()); await sleep(POLL_MS))
    assert.ok(Date.now() < deadline, `${what}: not within ${timeoutMs} ms`);
}
