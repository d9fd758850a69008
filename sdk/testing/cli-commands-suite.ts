import assert from 'node:assert/strict';
import { hasCode, MezzoError, type PluginManifest } from '../contract/index.js';
import { defineCommand, type PluginCommandModule } from '../points/command.js';
import { runCommand, type CommandCall } from './command-harness.js';
import type { Law } from './containerizer-suite.js';

export interface CliCommandsSuiteOptions {
  /** The default export of the module that the manifest names. */
  readonly commands: PluginCommandModule;
  readonly manifest: Pick<PluginManifest, 'cli'>;
  /** Calls that succeed, at least one for each command, by its name. */
  readonly calls: Readonly<Record<string, readonly CommandCall[]>>;
}

const LAW_TIMEOUT_MS = 10_000;

/** What the commands of every plugin must hold to. */
export function cliCommandsSuite({ commands, manifest, calls }: CliCommandsSuiteOptions): Law[] {
  const law = (title: string, run: () => Promise<void>): Law => ({ title, timeoutMs: LAW_TIMEOUT_MS, run });
  const all = Object.entries(commands);
  const each = async (check: (name: string, call: CommandCall) => Promise<void>): Promise<void> => {
    for (const [name] of all) for (const call of calls[name] ?? []) await check(name, call);
  };
  const run = (name: string, call: CommandCall) => runCommand(commands[name]!, call);
  return [
    law('its manifest names each command that there is, in the same words, and no other', async () => {
      const described = all.map(([name, { description }]) => [name, description]);
      assert.deepEqual(Object.fromEntries(described), manifest.cli?.commands);
    }),
    law('each is defined by the SDK, and takes arguments and flags that mezzo can hand on', async () => {
      for (const [name, command] of all) {
        assert.equal(command.point, 'cli-command.v1', name);
        defineCommand(command);
        for (const { description } of [...Object.values(command.args), ...Object.values(command.flags)])
          assert.match(description, /^[^\n]{1,200}$/, name);
      }
    }),
    law('each does its work, answers plain JSON, and the same when it is asked again', async () => {
      for (const [name] of all) assert.ok((calls[name] ?? []).length > 0, `no call of "${name}" is given to try`);
      await each(async (name, call) => {
        const first = await run(name, call);
        const text = JSON.stringify(first.result);
        if (text !== undefined) assert.deepEqual(JSON.parse(text), first.result, `"${name}" answers what JSON loses`);
        assert.deepEqual(await run(name, call), first, `"${name}" keeps something from one run to the next`);
      });
    }),
    law('a cluster that does not answer, or refuses, fails it: nothing is made up', async () => {
      const gone = new MezzoError('UNREACHABLE', 'nobody answers', { blame: 'environment', retryable: true });
      await each(async (name, call) => {
        const { requests } = await run(name, call);
        if (requests.length === 0) return;
        const first = `${requests[0]!.method} ${requests[0]!.path}`;
        const failing = run(name, { ...call, answers: { ...call.answers, [first]: gone } });
        await assert.rejects(failing, (error) => hasCode(error, 'UNREACHABLE'), `"${name}" hides that nobody answers`);
        const { [first]: _, ...others } = call.answers ?? {};
        await assert.rejects(run(name, { ...call, answers: others }), `"${name}" takes a 404 for an answer`);
      });
    }),
  ];
}
