import { MezzoError, type PluginManifest, type PluginPermissions } from '../contract/index.js';
import { STORE_DRIVER } from '../points/store-driver.js';
import { checkSchema, OWN_PROCESS_POINTS, OWN_PROCESS_SERVICES } from '../runtime/index.js';
import semver from 'semver';
import { HTTP, wrongHttp } from './http-claims.js';

const ids = { type: 'array', items: { type: 'string', maxLength: 128 }, uniqueItems: true, maxItems: 64, default: [] };

/** What ids of plugins look like, besides that they have at most 64 characters. */
export const PLUGIN_ID_PATTERN = '^[a-z][a-z0-9]*(-[a-z0-9]+)*$';

const key = { type: 'string', pattern: '^[A-Za-z]+$', maxLength: 64 };
const LISTENER = {
  required: ['port'],
  properties: {
    protocols: { type: 'array', items: { enum: ['tcp', 'udp'] }, uniqueItems: true, minItems: 1, default: ['tcp'] },
    port: { type: 'integer', minimum: 0, maximum: 65_535 },
    portKey: { ...key, default: 'port' },
    ipKey: { ...key, default: 'listenIp' },
  },
};

const MODULE = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$',
  maxLength: 256,
};

/** One to three words. */
const COMMAND_NAME = /^[a-z][a-z0-9-]{0,63}( [a-z][a-z0-9-]{0,63}){0,2}$/;

/** The `mezzo` field of package.json. */
const MEZZO_FIELD = {
  required: ['id', 'sdk', 'runsOn'],
  properties: {
    id: { type: 'string', pattern: PLUGIN_ID_PATTERN, maxLength: 64 },
    sdk: { type: 'string', maxLength: 128 },
    runsOn: { type: 'array', items: { enum: ['master', 'agent'] }, uniqueItems: true },
    process: { enum: ['own', 'kernel'], default: 'own' },
    placement: { enum: ['every', 'leader'], default: 'every' },
    entry: MODULE,
    config: { type: 'object', additionalProperties: true, default: {} },
    requires: ids,
    uses: ids,
    provides: ids,
    dependsOn: {
      type: 'object',
      additionalProperties: { type: 'string', maxLength: 128 },
      maxProperties: 64,
      default: {},
    },
    permissions: {
      properties: {
        roles: {
          anyOf: [{ const: 'any' }, { type: 'array', items: { type: 'string', maxLength: 256 }, maxItems: 256 }],
        },
        operator: { enum: ['none', 'read', 'write'] },
        endpoints: { type: 'array', items: { type: 'string', maxLength: 64 }, uniqueItems: true, maxItems: 64 },
      },
      default: {},
    },
    limits: {
      properties: {
        memoryMib: { type: 'integer', minimum: 64, maximum: 1_048_576, default: 1024 },
        cpus: { type: 'number', minimum: 0.05, maximum: 1024 },
      },
      default: {},
    },
    listens: { type: 'object', additionalProperties: LISTENER, maxProperties: 3, default: {} },
    onFailure: { enum: ['degrade', 'abort'], default: 'degrade' },
    http: HTTP,
    cli: {
      required: ['entry', 'commands'],
      properties: {
        entry: MODULE,
        // Shown at terminals before anybody has said yes: nothing that steers them.
        commands: {
          type: 'object',
          additionalProperties: { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$', maxLength: 200 },
          minProperties: 1,
          maxProperties: 64,
        },
      },
    },
  },
};

const PACKAGE = {
  required: ['name', 'version', 'mezzo'],
  additionalProperties: true,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 214 },
    version: { type: 'string', maxLength: 128 },
    description: { type: 'string', default: '' },
    mezzo: MEZZO_FIELD,
  },
};

/** Reads the manifest out of a package.json. Throws PLUGIN_MANIFEST_INVALID, which names each key that is wrong. */
export function manifestOf(packageJson: unknown): PluginManifest {
  const { value, problems } = checkSchema(PACKAGE, packageJson);
  const { mezzo, name, version, description } = value as { mezzo: PluginManifest } & Record<string, string>;
  const who =
    typeof mezzo?.id === 'string' ? mezzo.id.slice(0, 64) : String(name ?? 'of an unnamed package').slice(0, 64);
  if (problems.length > 0) throw invalid(who, problems.join('; '));
  const permissions = { ...impliedPermissions(mezzo), ...mezzo.permissions };
  const entry = mezzo.entry ?? (mezzo.runsOn.length === 0 ? mezzo.cli?.entry : undefined);
  if (entry === undefined) throw invalid(who, '"mezzo.entry" is missing');
  const about = { name: name!, version: version!, description: description! };
  const http = mezzo.http && { ...mezzo.http, endpoint: mezzo.http.endpoint ?? mezzo.id };
  const manifest: PluginManifest = { ...mezzo, entry, permissions, ...about, ...(http && { http }) };
  const nonsense = contradictions(manifest);
  if (nonsense !== undefined) throw invalid(who, nonsense);
  return manifest;
}

const impliedPermissions = ({ id, requires, provides }: PluginManifest): PluginPermissions => ({
  roles: requires.includes('scheduler') ? ['*'] : [],
  operator: requires.includes('operator-events') || provides.some(isSink) ? 'read' : 'none',
  endpoints: [id],
});

/** From the form of a registry's index: the `mezzo` field with name, version and description beside its keys. */
export function manifestOfEntry(entry: unknown): PluginManifest {
  const { name, version, description, ...mezzo } = (entry ?? {}) as Record<string, unknown>;
  return manifestOf({ name, version, ...(description !== undefined && { description }), mezzo });
}

/** Throws PLUGIN_SDK_MISMATCH when the plugin was written for another SDK. */
export function requireSdk(manifest: Pick<PluginManifest, 'id' | 'version' | 'sdk'>, sdkVersion: string): void {
  if (semver.satisfies(sdkVersion, manifest.sdk, { includePrerelease: true })) return;
  throw new MezzoError(
    'PLUGIN_SDK_MISMATCH',
    `plugin ${manifest.id} ${manifest.version} is written for SDK ${manifest.sdk}; this is ${sdkVersion}`,
    { blame: 'operator', next: 'install a version of the plugin that fits, or upgrade Mezzo' },
  );
}

/** Throws PLUGIN_LOCAL_ONLY for what is not to be installed in a cluster. */
export function requireForCluster({ id, version, provides }: PluginManifest): void {
  if (!provides.includes(STORE_DRIVER.id)) return;
  throw new MezzoError(
    'PLUGIN_LOCAL_ONLY',
    `plugin ${id} ${version} brings the store of masters (${STORE_DRIVER.id}), which is what installed plugins are recorded in: it cannot be installed`,
    {
      blame: 'user',
      next: `unpack it on each master, and start that with --store_driver=DIRECTORY`,
    },
  );
}

const isSink = (id: string): boolean => (OWN_PROCESS_POINTS as readonly string[]).includes(id);

function contradictions(manifest: PluginManifest) {
  const { id, version, sdk, process, placement, runsOn, requires, uses, provides, dependsOn, listens } = manifest;
  if (semver.valid(version) === null) return `"version" ${JSON.stringify(version)} is no semantic version`;
  if (semver.validRange(sdk) === null) return `"mezzo.sdk" ${JSON.stringify(sdk)} is no semver range`;
  for (const [other, range] of Object.entries(dependsOn)) {
    if (semver.validRange(range) === null)
      return `"mezzo.dependsOn.${other}" ${JSON.stringify(range)} is no semver range`;
    if (other === id) return `"mezzo.dependsOn.${other}": a plugin cannot depend on itself`;
  }
  const wrong = wrongCommands(manifest) ?? wrongHttp(manifest);
  if (wrong !== undefined) return wrong;
  if (placement === 'leader' && (process === 'kernel' || !runsOn.includes('master')))
    return '"mezzo.placement": "leader" is for plugins in a process of their own that run on masters';
  const twice = uses.find((point) => requires.includes(point));
  if (twice !== undefined) return `"mezzo.uses": ${twice} is in "mezzo.requires" already`;
  const sink = provides.find(isSink);
  if (sink !== undefined && (process === 'kernel' || runsOn.join() !== 'master'))
    return `"mezzo.provides": ${sink} is for plugins in a process of their own that run on masters alone`;
  if (provides.includes(STORE_DRIVER.id) && !isStoreDriver(manifest))
    return `"mezzo.provides": ${STORE_DRIVER.id} is for packages with "process": "kernel" and "runsOn": ["master"] that provide nothing else, and have no "requires", "uses" and "dependsOn"`;
  if (process === 'kernel' && Object.keys(listens).length > 0)
    return '"mezzo.listens" is for plugins in a process of their own';
  if (process === 'kernel') return undefined;
  if (uses.length > 0) return '"mezzo.uses": only plugins with "process": "kernel" take contributions';
  if (!provides.every(isSink))
    return `"mezzo.provides": only plugins with "process": "kernel" contribute to the kernel; others to ${OWN_PROCESS_POINTS.join(', ')}`;
  const foreign = requires.filter((id) => !(OWN_PROCESS_SERVICES as readonly string[]).includes(id));
  if (foreign.length === 0) return undefined;
  return `"mezzo.requires": a process of its own has no ${foreign.join(', ')}; there are ${OWN_PROCESS_SERVICES.join(', ')}`;
}

const isStoreDriver = ({ process, runsOn, provides, requires, uses, dependsOn }: PluginManifest): boolean =>
  process === 'kernel' &&
  runsOn.join() === 'master' &&
  provides.length === 1 &&
  requires.length + uses.length + Object.keys(dependsOn).length === 0;

function wrongCommands({ runsOn, entry, cli, requires, provides }: PluginManifest): string | undefined {
  if (runsOn.length === 0 && cli === undefined)
    return '"mezzo.runsOn" must NOT have fewer than 1 items, unless "mezzo.cli" brings commands';
  if (cli === undefined) return undefined;
  if (runsOn.length === 0 && (entry !== cli.entry || requires.length + provides.length > 0))
    return 'a package of commands alone ("mezzo.runsOn": []) has no "entry", "requires" or "provides" but that of "mezzo.cli"';
  if (runsOn.length > 0 && entry === cli.entry)
    return `"mezzo.cli.entry" ${JSON.stringify(entry)} is "mezzo.entry", too: plugin and commands are two modules`;
  const bad = Object.keys(cli.commands).find((name) => !COMMAND_NAME.test(name));
  if (bad === undefined) return undefined;
  return `"mezzo.cli.commands": ${JSON.stringify(bad.slice(0, 100))} is no name of a command, which is one to three words of small letters, digits and "-"`;
}

/**
 * What keeps this set of plugins from working: each that depends on one that is not there, or not in a fitting version. In the words
 * of people; empty when all is well.
 */
export function unmetDependencies(
  plugins: readonly PluginManifest[],
): { readonly id: string; readonly problem: string }[] {
  return plugins.flatMap(({ id, version, dependsOn }) =>
    Object.entries(dependsOn).flatMap(([other, range]) => {
      const found = plugins.find((plugin) => plugin.id === other);
      if (found !== undefined && semver.satisfies(found.version, range, { includePrerelease: true })) return [];
      const instead = found === undefined ? 'which is not installed' : `and ${found.version} is installed`;
      return [{ id, problem: `${id} ${version} depends on ${other} ${range}, ${instead}` }];
    }),
  );
}

const invalid = (who: string, problems: string): MezzoError =>
  new MezzoError('PLUGIN_MANIFEST_INVALID', `manifest of plugin ${who}: ${problems}`, {
    blame: 'plugin',
    next: 'correct package.json of the plugin',
  });
