export * from './attributes.js';
export { asGiven, conversionsOf, exclusive, firm, refined, resourcesOf, type Conversion } from './conversion.js';
export { milliOf, type Amount, type Entry } from './entry.js';
export { KNOWN_SCALARS, type Identity } from './identity.js';
export type { ReservationFormat } from './print.js';
export { quantitiesOf, Resources, type Quantities } from './resources.js';
export * from './roles.js';
export { assertValidResources, resourceError } from './validate.js';
