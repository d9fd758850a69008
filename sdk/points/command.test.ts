import { expect, test } from 'vitest';
import { runCommand } from '../testing/index.js';
import { defineCommand, type CommandArguments, type CommandFlags } from './command.js';

const define = (args: CommandArguments, flags: CommandFlags = {}) =>
  defineCommand({ description: 'Try it', args, flags, run: (context) => Promise.resolve(context.flags) });
const what = { description: 'what' };

test.each<[CommandArguments, CommandFlags, RegExp]>([
  [{ 'Not Good': what }, {}, /"args\.Not Good" is no name/],
  [{ one: what, two: { ...what, required: true } }, {}, /"args\.two" must be given, and stands behind/],
  [{}, { Bad: { type: 'boolean', ...what } }, /"flags\.Bad" is no name/],
  [{}, { token: { type: 'string', ...what } }, /all commands have --token already/],
  [{}, { json: { type: 'boolean', ...what } }, /all commands have --json already/],
  [{}, { one: { type: 'boolean', char: '--', ...what } }, /"flags\.one\.char" '--' is no letter/],
  [
    {},
    { one: { type: 'boolean', char: 'n', ...what }, two: { type: 'boolean', char: 'n', ...what } },
    /"flags\.two\.char"/,
  ],
])('what mezzo could not hand on is refused where it is defined: %j %j', (args, flags, message) => {
  expect(() => define(args, flags)).toThrow(expect.objectContaining({ code: 'COMMAND_INVALID' }));
  expect(() => define(args, flags)).toThrow(message);
});

test('a command gets what was given, with the defaults of the rest, and nothing that it does not know', async () => {
  const command = define(
    { one: { ...what, required: true } },
    {
      count: { type: 'integer', default: 3, min: 1, ...what },
      kind: { type: 'string', options: ['a', 'b'], ...what },
      force: { type: 'boolean', ...what },
    },
  );
  const flagsOf = async (flags: Record<string, string | number | boolean>) =>
    (await runCommand(command, { args: { one: 'x' }, flags })).result;
  expect(await flagsOf({})).toEqual({ count: 3, force: false });
  expect(await flagsOf({ count: 5, kind: 'a', force: true })).toEqual({ count: 5, kind: 'a', force: true });
  for (const wrong of [{ count: 0 }, { count: 1.5 }, { kind: 'c' }, { force: 'yes' }, { other: 1 }])
    await expect(flagsOf(wrong as never)).rejects.toMatchObject({ code: 'COMMAND_MISUSED' });
  await expect(runCommand(command)).rejects.toThrow('the argument one is missing');
});
