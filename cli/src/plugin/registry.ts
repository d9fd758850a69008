import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { MezzoError, type PluginManifest } from '@mezzo/sdk/contract';
import { inspectPackage, manifestOf, requireIntegrity, type PackageSignature } from '@mezzo/sdk/package';
import semver from 'semver';
import { httpBytes, httpJson } from '../lib/http.js';
import { writeWhole } from '../lib/workdir.js';
import { bundledRegistry } from '../up/kernel.js';
import type { Packed } from './pack.js';

/** What registries of npm say of a package: enough to judge each version by, without a byte of it. */
export interface Packument {
  readonly name: string;
  readonly 'dist-tags': Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, PackedVersion>>;
}

export interface PackedVersion {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly mezzo: unknown;
  readonly dist: {
    /** URL; in a directory: the name of the file. */
    readonly tarball: string;
    readonly integrity: string;
    readonly signatures?: readonly PackageSignature[];
  };
}

export interface Found {
  readonly manifest: PluginManifest;
  readonly version: PackedVersion;
}

/** Plugins to choose from: a directory, or any registry of npm. */
export interface Registry {
  readonly where: string;
  /** Undefined: there is no such package. */
  packument(name: string): Promise<Packument | undefined>;
  /** The newest version of each whose name, id or description has the text. */
  search(text: string): Promise<readonly PackedVersion[]>;
  tarball(version: PackedVersion): Promise<Buffer>;
  publish(packed: Packed, token: string | undefined): Promise<void>;
}

/** Undefined: what ships with Mezzo. */
export const openRegistry = (where: string = bundledRegistry()): Registry =>
  /^https?:\/\//.test(where) ? new HttpRegistry(where.replace(/\/+$/, '')) : new DirectoryRegistry(resolve(where));

/** `NAME[@RANGE]`, NAME being that of the package or, of one that follows the custom, the plugin's id. Rejects with PLUGIN_NOT_FOUND. */
export async function findPlugin(registry: Registry, wanted: string): Promise<Found> {
  const [, name = '', range = 'latest'] = /^(@?[^@]+)(?:@(.+))?$/.exec(wanted) ?? [];
  for (const candidate of name.startsWith('@') ? [name] : [name, `mezzo-plugin-${name}`, `@mezzo/plugin-${name}`]) {
    const packument = await registry.packument(candidate);
    const version = packument && pick(packument, range);
    if (version?.mezzo !== undefined) return { manifest: manifestOf(version), version };
    if (packument !== undefined)
      throw new MezzoError(
        'PLUGIN_NOT_FOUND',
        version === undefined
          ? `${candidate} has no version ${range}; there are ${Object.keys(packument.versions).slice(-20).join(', ')}`
          : `${candidate} ${version.version} is no plugin: its package.json has no "mezzo"`,
        { blame: 'user', next: 'mezzo plugin search' },
      );
  }
  throw new MezzoError('PLUGIN_NOT_FOUND', `${registry.where} has no plugin ${name}`, {
    blame: 'user',
    next: 'mezzo plugin search',
  });
}

/** Verified, before anybody looks into it. */
export async function fetchPlugin(registry: Registry, { manifest, version }: Found): Promise<Packed> {
  const bytes = await registry.tarball(version);
  const { integrity, signatures = [] } = version.dist;
  requireIntegrity(manifest.id, bytes, integrity);
  requireAsIndexed(manifest, await inspectPackage(bytes));
  return { manifest, file: basename(version.dist.tarball), integrity, bytes, signatures };
}

/** What somebody has agreed to is what the index says. */
function requireAsIndexed(indexed: PluginManifest, packed: PluginManifest): void {
  const keys = Object.keys({ ...indexed, ...packed }) as (keyof PluginManifest)[];
  const wrong = keys.filter((key) => !isDeepStrictEqual(indexed[key], packed[key]));
  if (wrong.length === 0) return;
  throw new MezzoError(
    'PLUGIN_INDEX_WRONG',
    `the index says of plugin ${indexed.id} ${indexed.version} what its package does not: ${wrong.map((key) => `"${key}"`).join(', ')}`,
    { blame: 'environment', next: 'do not trust this registry before its owner has explained that' },
  );
}

function pick({ versions, 'dist-tags': tags }: Packument, range: string): PackedVersion | undefined {
  const found = tags[range] ?? semver.maxSatisfying(Object.keys(versions), range);
  return found === null || found === undefined ? undefined : versions[found];
}

export const newest = (packument: Packument): PackedVersion | undefined =>
  pick(packument, 'latest') ?? pick(packument, '*');

interface Index {
  readonly packages: Record<string, Packument>;
}

/** Tarballs, and an index.json with what is said of them. */
export class DirectoryRegistry implements Registry {
  constructor(readonly where: string) {}

  async packument(name: string): Promise<Packument | undefined> {
    const { packages } = this.index();
    return Object.hasOwn(packages, name) ? packages[name] : undefined;
  }

  async search(text: string): Promise<readonly PackedVersion[]> {
    const words = text.toLowerCase();
    const all = Object.values(this.index().packages).flatMap((packument) => newest(packument) ?? []);
    return all.filter(({ name, description = '', mezzo }) =>
      `${name} ${description} ${String(Object(mezzo).id)}`.toLowerCase().includes(words),
    );
  }

  async tarball({ dist }: PackedVersion): Promise<Buffer> {
    return readFileSync(join(this.where, basename(dist.tarball)));
  }

  /** A version never changes: rejects with VERSION_EXISTS. */
  async publish({ manifest, bytes, integrity, signatures }: Packed): Promise<void> {
    mkdirSync(this.where, { recursive: true });
    const { packages } = this.index();
    const { name, version, description, ...mezzo } = manifest;
    const known = Object.hasOwn(packages, name) ? packages[name] : undefined;
    if (known?.versions[version] !== undefined && known.versions[version].dist.integrity !== integrity)
      throw exists(manifest);
    const tarball = `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`;
    writeWhole(join(this.where, tarball), bytes);
    const entry: PackedVersion = { name, version, description, mezzo, dist: { tarball, integrity, signatures } };
    const versions = { ...known?.versions, [version]: entry };
    const latest = semver.maxSatisfying(Object.keys(versions), '*') ?? version;
    packages[name] = { name, 'dist-tags': { ...known?.['dist-tags'], latest }, versions };
    writeWhole(join(this.where, 'index.json'), JSON.stringify({ packages }, null, 2));
  }

  private index(): Index {
    const file = join(this.where, 'index.json');
    if (!existsSync(file)) return { packages: {} };
    try {
      const { packages } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Index>;
      if (typeof packages === 'object') return { packages };
    } catch {
      // Told below.
    }
    throw new MezzoError('REGISTRY_INVALID', `${file} is no index of packages`, {
      blame: 'user',
      next: 'remove it and publish the packages again',
    });
  }
}

/** The protocol of npm: what speaks it has plugins, too. */
class HttpRegistry implements Registry {
  constructor(readonly where: string) {}

  async packument(name: string): Promise<Packument | undefined> {
    try {
      return await httpJson<Packument>(this.urlOf(name));
    } catch (error) {
      if ((error as MezzoError).code === 'HTTP_404') return undefined;
      throw error;
    }
  }

  async search(text: string): Promise<readonly PackedVersion[]> {
    const query = new URLSearchParams({ text: text === '' ? 'keywords:mezzo-plugin' : text, size: '50' });
    const { objects } = await httpJson<{ objects: { package: { name: string } }[] }>(
      `${this.where}/-/v1/search?${query}`,
    );
    const packuments = await Promise.all(objects.map(({ package: { name } }) => this.packument(name)));
    return packuments
      .flatMap((packument) => (packument && newest(packument)) ?? [])
      .filter(({ mezzo }) => mezzo !== undefined);
  }

  tarball({ dist }: PackedVersion): Promise<Buffer> {
    return httpBytes(new URL(dist.tarball, `${this.where}/`).href);
  }

  async publish({ manifest, bytes, integrity, signatures }: Packed, token: string | undefined): Promise<void> {
    const { name, version, description, ...mezzo } = manifest;
    const file = `${basename(name)}-${version}.tgz`;
    const dist = { tarball: `${this.urlOf(name)}/-/${file}`, integrity, signatures };
    const keywords = ['mezzo-plugin'];
    await httpJson(this.urlOf(name), {
      method: 'PUT',
      token,
      body: {
        ...{ _id: name, name, description },
        'dist-tags': { latest: version },
        versions: { [version]: { name, version, description, keywords, mezzo, dist } },
        _attachments: {
          [file]: { content_type: 'application/octet-stream', data: bytes.toString('base64'), length: bytes.length },
        },
      },
    });
  }

  private urlOf(name: string): string {
    return `${this.where}/${name.replace('/', '%2f')}`;
  }
}

export const exists = ({ name, version }: Pick<PluginManifest, 'name' | 'version'>): MezzoError =>
  new MezzoError('VERSION_EXISTS', `there is another ${name} ${version} already: a version never changes`, {
    blame: 'user',
    next: 'raise the version in package.json',
  });
