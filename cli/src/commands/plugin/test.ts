import { Args } from '@oclif/core';
import { MezzoCommand } from '../../lib/command.js';
import { testPlugin } from '../../plugin/test-run.js';

export default class PluginTest extends MezzoCommand {
  static override summary = "Run a plugin's tests (*.test.ts, *.test.js) with the runner of Node";
  static override args = { dir: Args.directory({ default: '.', description: 'holds package.json' }) };

  async run(): Promise<void> {
    const { args } = await this.parse(PluginTest);
    process.exitCode = await testPlugin(args.dir);
  }
}
