import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, JSON_HEADERS, startTestMaster, type TestMaster } from './master-support.js';

/** `/priorities`, which other masters do not have. */
let master: TestMaster;
beforeAll(async () => {
  master = await startTestMaster();
});
afterAll(() => master.close());

const put = async (body: string) => {
  const { status, text } = await ask(master.daemon, '/priorities', { method: 'PUT', headers: JSON_HEADERS, body });
  return { status, text };
};
const list = async () => JSON.parse((await ask(master.daemon, '/priorities')).text) as unknown;

test('what is set is listed by name; who is not named keeps what it had, and without a priority it loses it', async () => {
  expect(await list()).toEqual([]);
  expect(await put('[{"role":"prod","priority":100},{"role":"batch/low","priority":-5}]')).toMatchObject({
    status: 200,
  });
  await put('[{"role":"x","priority":1}]');
  await put('[{"role":"x"}]');
  expect(await list()).toEqual([
    { role: 'batch/low', priority: -5 },
    { role: 'prod', priority: 100 },
  ]);
});

test.each([
  ['{}', /Expecting a JSON array like/],
  ['[1]', /item 0 has no 'role'/],
  ['[{"role":"a","priority":"1"}]', /'priority' of role 'a' is "1": it must be a number/],
  ['[{"role":"a","priority":1.5}]', /Invalid priority 1.5 of role 'a': it must be a whole number/],
  ['[{"role":"a","priority":1e99}]', /Invalid priority 1e\+99 of role 'a'/],
  ['[{"role":"a","weight":1}]', /'weight' of role 'a' is unknown/],
  ['[{"role":"a"},{"role":"a"}]', /role 'a' is there twice/],
  ['[{"role":"/a","priority":1}]', /Invalid role '\/a'/],
  ['[', /syntax error/],
])('%s is refused, and changes nothing', async (body, words) => {
  const before = await list();
  const { status, text } = await put(body);
  expect(status).toBe(400);
  expect(text).toMatch(words);
  expect(await list()).toEqual(before);
});

test('other methods are refused', async () => {
  expect((await ask(master.daemon, '/priorities', { method: 'DELETE' })).status).toBe(405);
});
