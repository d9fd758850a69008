import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** At once or not at all; 0600. */
export function writeWhole(file: string, bytes: string | Uint8Array): void {
  writeFileSync(`${file}.tmp`, bytes, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

/** Undefined when there is none, or no JSON. */
export function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

export const removeFile = (file: string): void => rmSync(file, { force: true });
