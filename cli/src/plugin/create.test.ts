import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPlugin, PLUGIN_KINDS } from './create.js';
import { packPlugin } from './pack.js';

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'mezzo-create-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test.each(PLUGIN_KINDS)('a %s plugin can be packed as it was created, in both languages', async (kind) => {
  for (const js of [false, true]) {
    const made = await createPlugin(join(dir, `My ${kind} ${js}`), { kind, js });
    expect(made.id).toBe(`my-${kind}-${js}`);
    const { manifest, bytes } = await packPlugin(made.dir, dir);
    expect(manifest).toMatchObject({ id: made.id, name: made.id, version: '0.1.0' });
    expect(bytes.length).toBeLessThan(40_000);
    const { scripts } = JSON.parse(readFileSync(join(made.dir, 'package.json'), 'utf8')) as { scripts: object };
    expect(scripts).toMatchObject({ build: 'mezzo plugin pack', test: 'mezzo plugin test' });
  }
});

test.each(PLUGIN_KINDS)('no placeholder is left in a %s plugin', async (kind) => {
  const { dir: made, files } = await createPlugin(join(dir, 'one'), { kind, js: false });
  for (const file of files) expect(readFileSync(join(made, file), 'utf8')).not.toMatch(/__[A-Z]/);
});

test('JavaScript has the comments and paragraphs of the TypeScript that it comes from, and none of its types', async () => {
  const { dir: made, files } = await createPlugin(join(dir, 'one'), { kind: 'framework', js: true });
  expect(files.filter((file) => /\.ts$|tsconfig/.test(file))).toEqual([]);
  const text = readFileSync(join(made, 'batch.js'), 'utf8');
  expect(text).toMatch(/^\n\/\*\* The key tells the framework .*\*\/\nfunction wantOf\(input, \{/m);
  expect(text).toContain('// Another configuration:');
  expect(text).not.toMatch(/interface|readonly|\/[/*]!|What operators configure|\n\n\n/);
  expect(readFileSync(join(made, 'README.md'), 'utf8')).toContain('`batch.js`');
});

test('SDK and CLI of this machine are linked into the package', async () => {
  const { dir: made } = await createPlugin(join(dir, 'one'), { kind: 'routes', js: false });
  const sdk = realpathSync(join(made, 'node_modules/@mezzo/sdk'));
  const { name } = JSON.parse(readFileSync(join(sdk, 'package.json'), 'utf8')) as { name: string };
  expect(name).toBe('@mezzo/sdk');
  expect(realpathSync(join(made, 'node_modules/.bin/mezzo'))).toMatch(/cli\/bin\/mezzo\.js$/);
});

test('a directory that is not empty is refused, and stays as it is', async () => {
  writeFileSync(join(dir, 'precious'), '');
  const made = createPlugin(dir, { kind: 'routes', id: 'one', js: false });
  await expect(made).rejects.toMatchObject({ code: 'DIRECTORY_IN_USE', next: expect.stringContaining('empty') });
  await expect(made).rejects.toThrow(/is not empty: it holds precious/);
  expect(readdirSync(dir)).toEqual(['precious']);
});

test('an empty directory is taken', async () => {
  mkdirSync(join(dir, 'empty'));
  expect((await createPlugin(join(dir, 'empty'), { kind: 'routes', js: false })).id).toBe('empty');
});

test('an unknown kind is refused, and says which there are', async () => {
  const made = createPlugin(join(dir, 'one'), { kind: 'teapot', js: false });
  await expect(made).rejects.toMatchObject({ code: 'PLUGIN_KIND_UNKNOWN', next: expect.stringContaining('framework') });
  expect(readdirSync(dir)).toEqual([]);
});

test.each([{ id: 'My Plugin' }, { id: 'a'.repeat(65) }, { id: '' }, { id: undefined, name: '123' }])(
  'an id that a manifest may not have is refused: %j',
  async ({ id, name = 'one' }) => {
    const made = createPlugin(join(dir, name), { kind: 'routes', id, js: false });
    await expect(made).rejects.toMatchObject({ code: 'PLUGIN_ID_INVALID', next: expect.stringContaining('--id') });
    expect(readdirSync(dir)).toEqual([]);
  },
);
