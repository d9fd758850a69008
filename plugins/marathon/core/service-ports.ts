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
 * when the range is used up. The search begins at `cursor`, so that a freed port is not given away at once.
 */
export function assignServicePorts(
  draft: AppDraft,
  before: AppDefinition | undefined,
  isUsed: (port: number) => boolean,
  [first, last]: readonly [number, number],
  cursor: number,
): AppDraft | undefined {
  const former = before ? portSpecs(before).map(({ servicePort }) => servicePort) : [];
  const given = new Set(portSpecs(draft).map(({ servicePort }) => servicePort));
  let next = Math.max(first, cursor);
  let left = last - first + 1;
  const pick = (wanted: number, index: number): number => {
    if (wanted !== 0) return wanted;
    const old = former[index];
    if (old && !given.has(old)) {
      given.add(old);
      return old;
    }
    for (; left > 0; left--) {
      if (next > last) next = first;
      const port = next++;
      if (isUsed(port) || given.has(port)) continue;
      given.add(port);
      return port;
    }
    return 0;
  };
  const portDefinitions = draft.portDefinitions?.map((each, index): PortDefinition => ({
    ...each,
    port: pick(each.port, index),
  }));
  const portMappings = draft.container?.portMappings?.map((each, index): PortMapping => ({
    ...each,
    servicePort: pick(each.servicePort, index),
  }));
  if (left === 0) return undefined;
  const container = draft.container && (portMappings ? { ...draft.container, portMappings } : draft.container);
  return { ...draft, ...(portDefinitions && { portDefinitions }), ...(container && { container }) };
}
