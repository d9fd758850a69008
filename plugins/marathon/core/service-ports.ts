import type { AppDefinition, PortDefinition, PortMapping } from './app.js';
import { portSpecs } from './app.js';
import type { AppDraft } from './normalize.js';

/** Counts the service ports of a definition in (1) or out (-1). */
export function countServicePorts(used: Map<number, number>, app: AppDefinition, by: 1 | -1): void {
  for (const { servicePort } of portSpecs(app)) {
    if (servicePort === 0) continue;
    const count = (used.get(servicePort) ?? 0) + by;
    if (count > 0) used.set(servicePort, count);
    else used.delete(servicePort);
  }
}

/**
 * Gives each service port 0 a number: the one that the app had in that place before, else the first free one. Undefined
 * when the range is used up.
 */
export function assignServicePorts(
  draft: AppDraft,
  before: AppDefinition | undefined,
  isUsed: (port: number) => boolean,
  [first, last]: readonly [number, number],
): AppDraft | undefined {
  const former = before ? portSpecs(before).map(({ servicePort }) => servicePort) : [];
  const given = new Set(portSpecs(draft).map(({ servicePort }) => servicePort));
  let next = first;
  let exhausted = false;
  const pick = (wanted: number, index: number): number => {
    if (wanted !== 0) return wanted;
    const old = former[index];
    if (old && !given.has(old)) {
      given.add(old);
      return old;
    }
    while (next <= last && (isUsed(next) || given.has(next))) next += 1;
    if (next > last) exhausted = true;
    given.add(next);
    return next++;
  };
  const portDefinitions = draft.portDefinitions?.map((each, index): PortDefinition => ({
    ...each,
    port: pick(each.port, index),
  }));
  const portMappings = draft.container?.portMappings?.map((each, index): PortMapping => ({
    ...each,
    servicePort: pick(each.servicePort, index),
  }));
  if (exhausted) return undefined;
  const container = draft.container && (portMappings ? { ...draft.container, portMappings } : draft.container);
  return { ...draft, ...(portDefinitions && { portDefinitions }), ...(container && { container }) };
}
