import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cluster.js';
import { describeIf } from '../support/skip.js';
import { root } from '../tidy/sources.js';

const CHROMIUM = '/usr/bin/chromium';

describeIf(existsSync(CHROMIUM) ? undefined : 'chromium is not installed', 'in a browser', () => {
  let cluster: TestCluster;
  let browser: Browser;
  let page: Page;
  let link: string;
  let password: string;

  beforeAll(async () => {
    cluster = await TestCluster.create();
    const { stdout, code, stderr } = await cluster.start([`--deploy=${join(root, 'examples/hello.json')}`]);
    expect(code, stderr).toBe(0);
    link = /(http\S+\/login\?code=\S+)/.exec(stdout)![1]!;
    password = /with password (\S+)/.exec(stdout)![1]!;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    page = await browser.newPage();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await cluster?.destroy();
  }, 60_000);

  test('without a sign-in there is a form, and no data', async () => {
    await page.goto(cluster.url(8000, '/mesos/state'));
    await page.waitForSelector('input[type=password]');
    expect(await page.content()).not.toContain('/hello');
  });

  test('the link of the first start signs in, once, and the home page shows the app live', async () => {
    await page.goto(link);
    await page.waitForSelector('text=/hello/');
    if (process.env.MEZZO_SCREENSHOT) await page.screenshot({ path: process.env.MEZZO_SCREENSHOT });
    expect((await cluster.mezzo(['app', 'scale', '/hello', '3'])).code).toBe(0);
    await page.waitForSelector('text=/3 of 3/');
    const again = await browser.newContext();
    const stranger = await again.newPage();
    await stranger.goto(link);
    expect(await stranger.locator('input[type=password]').count()).toBe(1);
    await again.close();
  });

  test('user and password sign in too; a wrong password is refused in words', async () => {
    const context = await browser.newContext();
    const form = await context.newPage();
    await form.goto(cluster.url(8000, '/login'));
    await form.fill('input[name=uid]', 'admin');
    await form.fill('input[type=password]', 'wrong');
    await form.keyboard.press('Enter');
    await form.waitForSelector('text=/password/i');
    expect(await form.locator('input[type=password]').count()).toBe(1);
    await form.fill('input[name=uid]', 'admin');
    await form.fill('input[type=password]', password);
    await form.keyboard.press('Enter');
    await form.waitForSelector('text=/hello/');
    await context.close();
  });

  test('the app itself opens in the browser', async () => {
    await page.goto(cluster.url(8000, '/service/hello/'));
    expect(await page.innerText('body')).toMatch(/^Hello from Mezzo/);
  });
});
