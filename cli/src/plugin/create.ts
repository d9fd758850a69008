import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MezzoError } from '@mezzo/sdk/contract';
import { PLUGIN_ID_PATTERN } from '@mezzo/sdk/package';
import { sdkPackage } from '@mezzo/sdk/runtime';

export const PLUGIN_KINDS = ['framework', 'routes', 'discovery', 'containerizer', 'isolator', 'cli'] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];

export interface CreateOptions {
  readonly kind: string;
  /** Default: from the name of the directory. */
  readonly id?: string | undefined;
  /** JavaScript in the place of TypeScript. */
  readonly js: boolean;
}

export interface Created {
  readonly id: string;
  readonly dir: string;
  readonly files: readonly string[];
}

const CLI_DIR = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const TEMPLATES = join(CLI_DIR, 'templates');

/**
 * Makes a package from a template that can be packed, tested and run at once: SDK and CLI of this machine are linked into it, as `npm
 * install` would. Throws PLUGIN_KIND_UNKNOWN, PLUGIN_ID_INVALID or DIRECTORY_IN_USE; nothing is written then.
 */
export async function createPlugin(dir: string, { kind, id: given, js }: CreateOptions): Promise<Created> {
  requireKind(kind);
  const path = resolve(dir);
  const id = requireId(given ?? idFrom(basename(path)), given !== undefined);
  requireEmpty(path);
  const sdk = sdkPackage();
  const values = { ID: id, SDK_VERSION: sdk.version, SDK_DIR: sdk.dir, CLI_DIR };
  const files: string[] = [];
  mkdirSync(path, { recursive: true });
  for (const [name, template] of templatesOf(kind)) {
    const text = filledIn(template, values);
    if (js && name === 'tsconfig.json') continue;
    const isScript = js && name.endsWith('.ts');
    const file = name === 'gitignore' ? '.gitignore' : isScript ? name.replace(/ts$/, 'js') : name;
    writeFileSync(join(path, file), isScript ? await withoutTypes(text) : js ? text.replace(/\.ts`/g, '.js`') : text);
    files.push(file);
  }
  link(path, 'node_modules/@mezzo/sdk', sdk.dir);
  link(path, 'node_modules/@mezzo/cli', CLI_DIR);
  link(path, 'node_modules/.bin/mezzo', '../@mezzo/cli/bin/mezzo.js');
  return { id, dir: path, files: files.sort() };
}

const templatesOf = (kind: string): (readonly [name: string, text: string])[] =>
  ['common', kind].flatMap((folder) =>
    readdirSync(join(TEMPLATES, folder)).map(
      (name) => [name, readFileSync(join(TEMPLATES, folder, name), 'utf8')] as const,
    ),
  );

const filledIn = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/__([A-Z_]+?)__/g, (whole, name: string) => values[name] ?? whole);

function link(dir: string, name: string, target: string): void {
  mkdirSync(dirname(join(dir, name)), { recursive: true });
  symlinkSync(target, join(dir, name));
}

const COMMENT = /^(\s*)\/\/ /gm;
const BLANK = '//!~';
const DESCRIBED_TYPE = /^\/\*\*(?:[^*]|\*(?!\/))*\*\/\n(?=(?:export )?(?:interface|type) )/gm;

/** esbuild keeps only comments that look like licences: so all of them do for a while, and so do empty lines. */
async function withoutTypes(text: string): Promise<string> {
  const { transform } = await import('esbuild');
  const marked = text
    .replace(DESCRIBED_TYPE, '')
    .replace(COMMENT, '$1//! ')
    .replace(/^\/\*\*/gm, '/*!*')
    .replace(/^$/gm, BLANK);
  const { code } = await transform(marked, { loader: 'ts', target: 'node20', legalComments: 'inline' });
  return code
    .replace(/^(\s*)\/\/! /gm, '$1// ')
    .replace(/^\s*\/\*!\*/gm, '/**')
    .replace(/^\s*\/\/!~$/gm, '')
    .replace(/\bvoid 0\b/g, 'undefined')
    .replace(/\n{2,}/g, '\n\n')
    .replace(/\n+$/, '\n');
}

const idFrom = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+|-+$/g, '');

function requireKind(kind: string): asserts kind is PluginKind {
  if ((PLUGIN_KINDS as readonly string[]).includes(kind)) return;
  throw refused('PLUGIN_KIND_UNKNOWN', `--kind ${kind}: there is no such kind`, `take ${PLUGIN_KINDS.join(', ')}`);
}

function requireId(id: string, isGiven: boolean): string {
  if (new RegExp(PLUGIN_ID_PATTERN).test(id) && id.length <= 64) return id;
  const what = isGiven ? `--id ${id}` : `the name of the directory gives the id '${id}'`;
  const rule = 'an id has small letters and digits, in parts joined by "-", begins with a letter and has at most 64';
  throw refused('PLUGIN_ID_INVALID', `${what}: ${rule}`, 'name one with --id, such as --id my-plugin');
}

function requireEmpty(path: string): void {
  if (!existsSync(path)) return;
  const problem = entriesOf(path);
  if (problem === undefined) return;
  throw refused('DIRECTORY_IN_USE', `DIR ${path} ${problem}`, 'name a directory that is new or empty');
}

function entriesOf(path: string): string | undefined {
  try {
    const names = readdirSync(path);
    return names.length === 0 ? undefined : `is not empty: it holds ${names.slice(0, 3).join(', ')}`;
  } catch (error) {
    return `cannot be used: ${(error as NodeJS.ErrnoException).code}`;
  }
}

const refused = (code: string, message: string, next: string): MezzoError =>
  new MezzoError(code, message, { blame: 'user', next });
