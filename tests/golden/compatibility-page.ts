import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tidy/sources.js';

/** The page that tells users what works, to be held against what is there. */
export const page = readFileSync(join(root, 'docs/COMPATIBILITY.md'), 'utf8');

export const section = (title: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(title)) ?? `no section ${title}`;

/** Cells of the tables of a section, without their head. */
export const rowsOf = (title: string): string[][] =>
  section(title)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| ---/.test(line))
    .map((line) => line.slice(2, -2).split(/(?<!\\) \| /));

/** What stands in backticks. */
export const codesOf = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
