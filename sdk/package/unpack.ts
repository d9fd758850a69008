import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { MezzoError, messageOf, type PluginManifest } from '../contract/index.js';
import { extract, list, type ReadEntry } from 'tar';
import { manifestOf } from './manifest.js';

export const MAX_PACKAGE_BYTES = 64 * 1024 * 1024;
export const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;
export const MAX_ENTRIES = 10_000;
const CHUNK_BYTES = 256 * 1024;
const MAX_PATH_BYTES = 512;
const MAX_DECOMPRESSION_RATIO = 200;
const FILE_TYPES = new Set(['File', 'OldFile', 'ContiguousFile']);
/** Beside the files: which tarball they came from. */
const STAMP = '.integrity';

/** `sha512-<base64>`, as npm writes it. */
export const integrityOf = (bytes: Uint8Array): string =>
  `sha512-${createHash('sha512').update(bytes).digest('base64')}`;

/** Reads a package file of bounded size. Rejects with PLUGIN_PACKAGE_INVALID. */
export function readPackage(file: string): Buffer {
  try {
    if (statSync(file).size > MAX_PACKAGE_BYTES) throw new Error(`it is larger than ${MAX_PACKAGE_BYTES} bytes`);
    return readFileSync(file);
  } catch (error) {
    throw refused(`${file} cannot be read: ${messageOf(error)}`);
  }
}

/** Throws PLUGIN_INTEGRITY_MISMATCH before any byte of the package is looked into. */
export function requireIntegrity(id: string, bytes: Uint8Array, integrity: string): void {
  const [found, wanted] = [Buffer.from(integrityOf(bytes)), Buffer.from(integrity)];
  if (found.length === wanted.length && timingSafeEqual(found, wanted)) return;
  throw new MezzoError('PLUGIN_INTEGRITY_MISMATCH', `the package of plugin ${id} is not the one that was announced`, {
    blame: 'operator',
    next: 'fetch or build it again; if that does not help, someone has changed it',
  });
}

/** The manifest inside a package, without unpacking it. Rejects with PLUGIN_PACKAGE_INVALID or PLUGIN_MANIFEST_INVALID. */
export async function inspectPackage(bytes: Buffer): Promise<PluginManifest> {
  let packageJson: Buffer | undefined;
  await readEntries(bytes, (entry, path) => {
    if (path !== 'package.json') return;
    const chunks: Buffer[] = [];
    entry.on('data', (chunk: Buffer) => chunks.push(chunk));
    entry.on('end', () => (packageJson = Buffer.concat(chunks)));
  });
  if (packageJson === undefined) throw refused('it holds no package.json');
  return manifestOf(parseJson(packageJson));
}

/**
 * Unpacks a package into `<pluginsDir>/<id>/<version>` and answers that directory. Only plain files and directories below one
 * top directory are let in; nothing of a package that breaks a rule stays. An earlier unpacking of the same bytes is used again.
 */
export async function unpackPackage(
  pluginsDir: string,
  manifest: PluginManifest,
  bytes: Buffer,
  integrity: string,
): Promise<string> {
  const { id, version, entry, cli } = manifest;
  requireIntegrity(id, bytes, integrity);
  const target = join(pluginsDir, id, version);
  if (stampOf(target) === integrity) return target;
  const inside = await inspectPackage(bytes);
  if (inside.id !== id || inside.version !== version || inside.entry !== entry)
    throw refused(`it holds ${inside.id} ${inside.version}, not ${id} ${version}`);
  const staging = join(pluginsDir, `.unpack-${randomUUID()}`);
  try {
    mkdirSync(pluginsDir, { recursive: true, mode: 0o700 });
    // A plugin may have a user of its own, who is shown this directory alone.
    mkdirSync(staging);
    chmodSync(staging, 0o755);
    const unpack = extract({
      sync: true,
      cwd: staging,
      strip: 1,
      strict: true,
      preserveOwner: false,
      dmode: 0o755,
      filter: plain,
    });
    await feed(unpack, bytes);
    for (const module of [entry, cli?.entry ?? entry])
      if (!statSync(join(staging, module), { throwIfNoEntry: false })?.isFile()) throw refused(`it holds no ${module}`);
    writeFileSync(join(staging, STAMP), integrity);
    replaceDirectory(staging, target);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return target;
}

/** Visits the entries and throws at the first that breaks a rule. */
async function readEntries(bytes: Buffer, visit: (entry: ReadEntry, path: string) => void): Promise<void> {
  let total = 0;
  let count = 0;
  let violation: MezzoError | undefined;
  const check = (entry: ReadEntry): void => {
    const problem =
      pathProblem(entry) ??
      (++count > MAX_ENTRIES ? `it holds more than ${MAX_ENTRIES} entries` : undefined) ??
      ((total += entry.size) > MAX_UNPACKED_BYTES ? `it holds more than ${MAX_UNPACKED_BYTES} bytes` : undefined);
    if (problem !== undefined) violation ??= refused(problem);
    else if (violation === undefined) visit(entry, entry.path.split('/').slice(1).join('/'));
    entry.resume();
  };
  try {
    const parser = list({
      sync: true,
      strict: true,
      maxDecompressionRatio: MAX_DECOMPRESSION_RATIO,
      onReadEntry: check,
    });
    await feed(parser, bytes, () => violation !== undefined);
  } catch (error) {
    violation ??= refused(messageOf(error));
  }
  if (violation !== undefined) throw violation;
  if (count === 0) throw refused('it is no gzipped tarball');
}

/** In pieces, so that a big package does not stop everything else meanwhile. */
async function feed(
  parser: { write(chunk: Buffer): unknown; end(): unknown },
  bytes: Buffer,
  enough: () => boolean = () => false,
): Promise<void> {
  for (let at = 0; at < bytes.length && !enough(); at += CHUNK_BYTES) {
    parser.write(bytes.subarray(at, at + CHUNK_BYTES));
    await breathe();
  }
  if (!enough()) parser.end();
}

function pathProblem(entry: ReadEntry): string | undefined {
  const { path } = entry;
  const shown = JSON.stringify(path.slice(0, 100));
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `the path ${shown}... is too long`;
  if (entry.type !== 'Directory' && !FILE_TYPES.has(entry.type)) return `${shown} is a ${entry.type}`;
  const parts = path.replace(/\/$/, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\u0000-\u001f]/.test(part)))
    return `the path ${shown} leaves the package`;
  if (parts.length < 2 && entry.type !== 'Directory') return `${shown} is outside of the package directory`;
  return parts.includes('@mezzo') ? `${shown}: the SDK is linked by the host and must not be packed` : undefined;
}

/** Belt and braces: the same rules again while unpacking; permissions are ours. */
function plain(_: string, entry: unknown): boolean {
  const read = entry as ReadEntry;
  if (pathProblem(read) !== undefined) return false;
  read.mode = (read.mode ?? 0) & 0o100 || read.type === 'Directory' ? 0o755 : 0o644;
  return true;
}

function replaceDirectory(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
  const old = `${from}-old`;
  try {
    renameSync(to, old);
  } catch {
    // there was none
  }
  renameSync(from, to);
  rmSync(old, { recursive: true, force: true });
}

function stampOf(dir: string): string | undefined {
  try {
    return readFileSync(join(dir, STAMP), 'utf8');
  } catch {
    return undefined;
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw refused('its package.json is no JSON');
  }
}

const refused = (problem: string): MezzoError =>
  new MezzoError('PLUGIN_PACKAGE_INVALID', `the package is refused: ${problem}`, { blame: 'plugin' });
