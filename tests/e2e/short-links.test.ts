import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { root } from '../tidy/sources.js';

const CHROMIUM = '/usr/bin/chromium';
const example = join(root, 'examples/short-links');

let cluster: TestCluster;
let dir: string;
let link: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-links-'));
  cluster = await TestCluster.create({ MEZZO_DATA_DIR: join(dir, 'data') });
  const { code, stdout, stderr } = await cluster.start();
  expect(code, stderr).toBe(0);
  link = /(http\S+\/login\?code=\S+)/.exec(stdout)![1]!;
}, 120_000);
afterAll(async () => {
  await cluster?.destroy();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function mezzo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.mezzo(args);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(cluster.url(8000, path), { redirect: 'manual', headers });

test('its own tests pass', async () => {
  expect(await mezzo('plugin', 'test', example)).toMatch(/pass [1-9]/);
});

test('installed from its tarball it serves at the front door what its manifest claims, and adds commands', async () => {
  const file = join(dir, 'links.tgz');
  await mezzo('plugin', 'pack', example, '--out', file);
  expect(await mezzo('plugin', 'install', file, '--yes', '--allow-unsigned')).toMatch(/\/links[^]*\/go/);
  await until('its routes', async () => (await get('/links')).status === 401);
  await mezzo('links', 'add', 'docs', 'https://example.org/docs');
  expect(await mezzo('links', 'list')).toMatch(/docs +https:\/\/example\.org\/docs/);
  const gone = await get('/go/docs');
  expect([gone.status, gone.headers.get('location')]).toEqual([302, 'https://example.org/docs']);
  const token = (await mezzo('auth', 'token')).trim();
  expect(await (await get('/links', { authorization: `token=${token}` })).json()).toEqual({
    links: [{ name: 'docs', url: 'https://example.org/docs' }],
  });
});

test.skipIf(!existsSync(CHROMIUM))('its page is on the start page, and has nothing of who has signed in', async () => {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.goto(link);
    await page.click('nav >> text=Short links');
    await page.waitForSelector('text=docs');
    const reach = await page.evaluate(`(async () => {
      const read = (of) => { try { return of(); } catch (error) { return error.name; } };
      const state = await fetch('/mesos/state').then((response) => response.status, (error) => error.name);
      return { origin: self.origin, cookie: read(() => document.cookie), state };
    })()`);
    expect(reach).toEqual({ origin: 'null', cookie: 'SecurityError', state: 'TypeError' });
  } finally {
    await browser.close();
  }
});

test('removed, nothing of it is left at the front door', async () => {
  await mezzo('plugin', 'remove', 'short-links', '--yes');
  await until('its routes are gone', async () => (await get('/go/docs')).status === 404);
});
