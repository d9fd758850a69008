import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MezzoError, messageOf, type PluginManifest } from '@mezzo/sdk/contract';
import { inspectPackage, integrityOf, manifestOf, signPackage, type PackageSignature } from '@mezzo/sdk/package';
import { writeWhole } from '../lib/workdir.js';
import { bundle, sourceInvalid } from './bundle.js';

export interface Packed {
  readonly manifest: PluginManifest;
  readonly file: string;
  /** `sha512-<base64>` */
  readonly integrity: string;
  readonly bytes: Buffer;
  readonly signatures: readonly PackageSignature[];
}

type Json = Record<string, unknown>;

/** What goes along when it is there, besides what `files` of package.json names. */
const ALWAYS = ['README.md', 'LICENSE', 'LICENSE.md', 'NOTICE'];
/**
 * Packs the plugin of a directory: each entry and what that imports bundled into one module, the SDK left out, no scripts and no
 * dependencies. The same sources give the same bytes. Throws PLUGIN_MANIFEST_INVALID or PLUGIN_SOURCE_INVALID.
 *
 * @param out A file, or a directory that gets `<id>-<version>.tgz`.
 * @param version Instead of that of package.json.
 */
export async function packPlugin(dir: string, out: string, privatePem?: string, version?: string): Promise<Packed> {
  const packageJson = { ...readPackageJson(dir), ...(version !== undefined && { version }) };
  const manifest = manifestOf(packageJson);
  const staging = mkdtempSync(join(tmpdir(), 'mezzo-pack-'));
  try {
    const pkg = join(staging, 'package');
    mkdirSync(pkg);
    const { entry, cli } = manifest;
    const modules = new Map([
      ...(cli ? [[cli.entry, 'mezzo.cli.entry'] as const] : []),
      [entry, 'mezzo.entry'] as const,
    ]);
    for (const [module, key] of modules)
      await bundle({ entryPoints: [sourceOf(dir, module, key)], outfile: join(pkg, module) });
    for (const name of [...ALWAYS, ...(((packageJson as Json)['files'] as string[] | undefined) ?? [])])
      if (existsSync(join(dir, name))) cpSync(join(dir, name), join(pkg, name), { recursive: true });
    const { dependencies: _, devDependencies: __, scripts: ___, ...packed } = packageJson as Json;
    writeFileSync(join(pkg, 'package.json'), JSON.stringify(packed, null, 2));
    const name = `${manifest.id}-${manifest.version}.tgz`;
    const file = out.endsWith('.tgz') ? out : join(out, name);
    const { create } = await import('tar');
    await create({ gzip: true, file: join(staging, name), cwd: staging, portable: true, mtime: new Date(0) }, [
      'package',
    ]);
    const bytes = readFileSync(join(staging, name));
    // What is packed here must be what would be let in there.
    await inspectPackage(bytes);
    writeWhole(file, bytes);
    const integrity = integrityOf(bytes);
    const signatures = privatePem === undefined ? [] : [signPackage(privatePem, { ...manifest, integrity })];
    if (signatures.length > 0) writeFileSync(signatureFile(file), JSON.stringify(signatures));
    else rmSync(signatureFile(file), { force: true });
    return { manifest, file, integrity, bytes, signatures };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Reads a package that was packed before, with its signatures when there are any beside it. Throws FILE_UNREADABLE and as `inspectPackage`. */
export async function readPacked(file: string): Promise<Packed> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new MezzoError('FILE_UNREADABLE', `cannot read ${file}: ${(cause as NodeJS.ErrnoException).code}`, {
      blame: 'user',
      next: 'give the path of a .tgz, or the name of a plugin in a registry',
    });
  }
  const manifest = await inspectPackage(bytes);
  const signatures = existsSync(signatureFile(file))
    ? (JSON.parse(readFileSync(signatureFile(file), 'utf8')) as PackageSignature[])
    : [];
  return { manifest, file, integrity: integrityOf(bytes), bytes, signatures };
}

const signatureFile = (file: string): string => `${file}.sig`;

export function readPackageJson(dir: string): Json {
  try {
    return JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Json;
  } catch (cause) {
    throw sourceInvalid(`${join(dir, 'package.json')} cannot be read: ${messageOf(cause)}`);
  }
}

/** `key`: what names it. `plugin.js` comes from src/plugin.ts, plugin.ts, dist/plugin.js, or is there itself. */
function sourceOf(dir: string, entry: string, key: string): string {
  const typescript = basename(entry).replace(/\.m?js$/, '.ts');
  const candidates = [join('src', typescript), typescript, join('src', entry), entry];
  const found = candidates.map((name) => join(dir, name)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw sourceInvalid(
    `there is no source of "${key}" ${JSON.stringify(entry)} in ${dir}: none of ${candidates.join(', ')}`,
  );
}
