import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { MezzoError, messageOf } from '../contract/index.js';

type Schema = Readonly<Record<string, unknown>>;

/**
 * A plugin's configuration after its manifest's JSON Schema: defaults filled in, unknown keys rejected at every level whose schema
 * does not say otherwise. Throws PLUGIN_CONFIG_INVALID, which names each key.
 */
export function checkConfig(pluginId: string, schema: Schema, config: unknown): Readonly<Record<string, unknown>> {
  const { value, problems } = checkSchema(schema, config);
  if (problems.length > 0) throw invalid(pluginId, problems.join('; '));
  return value;
}

/** Checks plain JSON. `value` is a copy with defaults filled in. Throws SCHEMA_INVALID. */
export function checkSchema(
  schema: Schema,
  json: unknown,
): { readonly value: Readonly<Record<string, unknown>>; readonly problems: readonly string[] } {
  const value = structuredClone(json ?? {}) as Record<string, unknown>;
  const validate = compile(schema);
  return { value, problems: validate(value) ? [] : (validate.errors ?? []).map(describe) };
}

/** Compiling costs some ten milliseconds. */
const compiled = new WeakMap<Schema, ValidateFunction>();

function compile(schema: Schema): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  try {
    const ajv = new Ajv({ useDefaults: true, allErrors: true, strict: false, validateFormats: false });
    const validate = ajv.compile(closed({ type: 'object', ...schema }) as Schema);
    compiled.set(schema, validate);
    return validate;
  } catch (error) {
    throw new MezzoError('SCHEMA_INVALID', `no JSON Schema: ${messageOf(error)}`, { blame: 'plugin' });
  }
}

/** JSON Schema lets unknown keys pass unless told; here it is the other way round. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const out: Record<string, unknown> = { ...schema };
  const open = 'additionalProperties' in out || 'patternProperties' in out || '$ref' in out;
  if ((out['type'] === 'object' || 'properties' in out) && !open) out['additionalProperties'] = false;
  if (typeof out['properties'] === 'object' && out['properties'] !== null)
    out['properties'] = Object.fromEntries(Object.entries(out['properties']).map(([k, v]) => [k, closed(v)]));
  if ('items' in out) out['items'] = closed(out['items']);
  return out;
}

function describe(error: ErrorObject): string {
  const key = error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword === 'additionalProperties')
    return `unknown key "${joined(key, String(error.params['additionalProperty']))}"`;
  if (error.keyword === 'required') return `"${joined(key, String(error.params['missingProperty']))}" is missing`;
  const allowed = error.keyword === 'enum' ? ` (${(error.params['allowedValues'] as unknown[]).join(', ')})` : '';
  return `"${key}" ${error.message ?? 'is invalid'}${allowed}`;
}

const joined = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

const invalid = (pluginId: string, problems: string): MezzoError =>
  new MezzoError('PLUGIN_CONFIG_INVALID', `configuration of plugin ${pluginId}: ${problems}`, {
    blame: 'operator',
    next: 'correct the configuration of this plugin; its README lists the keys',
  });
