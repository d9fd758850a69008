import type { Attribute, Offer } from '../../api/messages.js';

/** Where a task is placed, as constraints see it. Kept with the task: the agent may be gone when it is asked. */
export interface AgentFacts {
  readonly hostname: string;
  readonly region?: string;
  readonly zone?: string;
  /** Rendered as text, the first of a name wins. */
  readonly attributes: Readonly<Record<string, string>>;
}

export function factsOf(offer: Offer): AgentFacts {
  const attributes: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const attribute of offer.attributes ?? []) attributes[attribute.name] ??= renderAttribute(attribute);
  const { region, zone } = offer.domain?.faultDomain ?? {};
  return {
    hostname: offer.hostname,
    ...(region && { region: region.name }),
    ...(zone && { zone: zone.name }),
    attributes,
  };
}

export function renderAttribute({ text, scalar, ranges, set }: Attribute): string {
  if (text) return text.value;
  if (scalar) return renderScalar(scalar.value);
  if (set) return `{${[...(set.item ?? [])].sort().join(',')}}`;
  const sorted = [...(ranges?.range ?? [])].sort((a, b) => Number(a.begin) - Number(b.begin));
  return `[${sorted.map(({ begin, end }) => `${begin}-${end}`).join(',')}]`;
}

/** At most three decimals, half to even. */
function renderScalar(value: number): string {
  const milli = value * 1000;
  const floor = Math.floor(milli);
  const rest = milli - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  return String(rounded / 1000);
}

/** The value of a constraint's field on this agent; undefined when the agent has no such attribute. */
export function fieldValue(facts: AgentFacts, field: string): string | undefined {
  switch (field) {
    case 'hostname':
    case '@hostname':
      return facts.hostname;
    case '@region':
      return facts.region;
    case '@zone':
      return facts.zone;
    default:
      return facts.attributes[field];
  }
}
