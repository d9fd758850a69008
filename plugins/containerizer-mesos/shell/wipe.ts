import { setTimeout as sleep } from 'node:timers/promises';
import { killShim, killTask } from './container.js';
import type { Machine } from './machine.js';
import { isAlive } from './processes.js';
import type { Processes, RuntimeDir } from './runtime-dir.js';

const STEP_MS = 10;
/** How long a container that nobody knows may take to tell its process numbers: it may have been started a moment ago. */
const TELL_MS = 500;
const POLITE_MS = 2_000;
const DEADLINE_MS = 10_000;

/** Ends whatever there is of a container, whoever started it, and removes its traces. Idempotent. */
export async function wipe(
  { machine, runtime }: { readonly machine: Machine; readonly runtime: RuntimeDir },
  owner: string,
  containerId: string,
  mayRun = true,
): Promise<void> {
  const key = `${owner}/${containerId}`;
  const told = () => !mayRun || runtime.exit(key) !== undefined;
  const processes = await waitFor(() => runtime.processes(key), TELL_MS, told);
  if (processes !== undefined) await end(processes);
  await machine.cgroups?.destroy(owner, containerId);
  await runtime.remove(key);
}

async function end({ shim, main, group }: Processes): Promise<void> {
  const gone = () => !isAlive(shim);
  killTask({ mode: group === main.pid ? 'group' : 'namespaces', main, group });
  if (await waitFor(async () => gone() || undefined, POLITE_MS)) return;
  killShim({ shim });
  await waitFor(async () => gone() || undefined, DEADLINE_MS);
}

async function waitFor<T>(
  probe: () => Promise<T | undefined>,
  timeoutMs: number,
  stop: () => boolean = () => false,
): Promise<T | undefined> {
  for (let leftMs = timeoutMs; ; leftMs -= STEP_MS) {
    const stopped = stop();
    const found = await probe();
    if (found !== undefined || stopped || leftMs <= 0) return found;
    await sleep(STEP_MS);
  }
}
