import { pipeline } from 'node:stream';
import type { AgentCallListFiles, AgentCallReadFile } from '@mezzo/sdk/api';
import { hasCode, messageOf } from '@mezzo/sdk/contract';
import type { Context } from 'koa';
import { jsonAnswer, textAnswer, type Answer } from './answer.js';
import type { FileEntry, FileTree } from './files.js';

/** `/files/browse`, `/files/read` and `/files/debug`. Undefined: not one of them. */
export async function fileEndpoint(files: FileTree, what: string, query: URLSearchParams): Promise<Answer | undefined> {
  const jsonp = query.get('jsonp') ?? undefined;
  if (what === 'debug') return jsonAnswer(JSON.stringify(files.attached()), jsonp);
  if (what !== 'browse' && what !== 'read') return undefined;
  const path = query.get('path');
  if (path === null || path === '') return textAnswer(400, "Expecting 'path=value' in query.\n");
  try {
    return what === 'browse' ? await browse(files, path, jsonp) : await read(files, path, query, jsonp);
  } catch (error) {
    return fileError(error);
  }
}

/** What both operator APIs answer to LIST_FILES. */
export async function listFilesCall(files: FileTree, { path }: AgentCallListFiles) {
  try {
    const fileInfos = (await files.browse(path)).map(({ mtimeMs, ...entry }) => ({
      ...entry,
      mtime: { nanoseconds: BigInt(Math.round(mtimeMs)) * 1_000_000n },
    }));
    return { listFiles: { fileInfos } };
  } catch (error) {
    return fileError(error);
  }
}

/** And to READ_FILE. */
export async function readFileCall(files: FileTree, { path, offset, length }: AgentCallReadFile) {
  if (offset < 0) return textAnswer(400, `Negative offset provided: ${offset}`);
  try {
    const { size, data } = await files.read(path, Number(offset), length === undefined ? undefined : Number(length));
    return { readFile: { size, data: data.toString('base64') } };
  } catch (error) {
    return fileError(error);
  }
}

function fileError(error: unknown): Answer {
  if (hasCode(error, 'FILE_NOT_FOUND')) return textAnswer(404, '404 Not Found.');
  if (hasCode(error, 'FILE_IS_DIRECTORY')) return textAnswer(400, `${messageOf(error)}.\n`);
  throw error;
}

async function browse(files: FileTree, path: string, jsonp: string | undefined): Promise<Answer> {
  const entries = await files.browse(path);
  return jsonAnswer(JSON.stringify(entries.map(entryJson)), jsonp);
}

const entryJson = ({ path, nlink, size, mtimeMs, mode, uid, gid }: FileEntry): object => ({
  path,
  nlink,
  size,
  mtime: Math.floor(mtimeMs / 1000),
  mode: modeText(mode),
  uid,
  gid,
});

const TYPES: Readonly<Record<number, string>> = { 0o040000: 'd', 0o120000: 'l', 0o010000: 'p', 0o140000: 's' };

/** `-rw-r--r--` */
export const modeText = (mode: number): string =>
  (TYPES[mode & 0o170000] ?? '-') +
  [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('');

async function read(files: FileTree, path: string, query: URLSearchParams, jsonp: string | undefined): Promise<Answer> {
  const offset = query.get('offset') ?? '-1';
  const length = query.get('length');
  for (const [name, text] of [
    ['offset', offset],
    ['length', length ?? '0'],
  ] as const) {
    if (!/^-?\d{1,15}$/.test(text))
      return textAnswer(400, `Failed to parse ${name}: Failed to convert '${text}' to number.\n`);
  }
  if (Number(offset) < -1) return textAnswer(400, `Negative offset provided: ${offset}.\n`);
  if (length !== null && Number(length) < -1) return textAnswer(400, `Negative length provided: ${length}.\n`);
  if (offset === '-1') {
    const { size } = await files.read(path, 0, 0);
    return jsonAnswer(JSON.stringify({ data: '', offset: size }), jsonp);
  }
  const { data } = await files.read(
    path,
    Number(offset),
    length === null || length === '-1' ? undefined : Number(length),
  );
  return jsonAnswer(JSON.stringify({ data: data.toString('utf8'), offset: Number(offset) }), jsonp);
}

/** `/files/download`: streams the file from the handle that was checked, or answers why not. */
export async function downloadFile(
  files: FileTree,
  query: URLSearchParams,
  { method, res }: Context,
): Promise<Answer | undefined> {
  const path = query.get('path');
  if (path === null || path === '') return textAnswer(400, "Expecting 'path=value' in query.\n");
  try {
    const { handle, size } = await files.open(path);
    res.writeHead(200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': size,
      'Content-Disposition': `attachment; filename=${(path.split('/').at(-1) ?? '').replace(/[^\w.-]/g, '_')}`,
    });
    // The file may grow meanwhile: no more than what was announced.
    if (size > 0 && method !== 'HEAD')
      return void pipeline(handle.createReadStream({ start: 0, end: size - 1 }), res, () => {});
    await handle.close();
    res.end();
    return undefined;
  } catch (error) {
    return fileError(error);
  }
}
