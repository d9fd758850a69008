import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Args, Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { MezzoCommand } from '../../lib/command.js';
import { registryServer } from '../../plugin/serve.js';

export default class RegistryServe extends MezzoCommand {
  static override summary = 'Serve a directory of plugins as a registry of npm';
  static override description =
    'For `mezzo plugin ... --registry URL`, and any client of npm. Whoever reaches it reads all of it; with --token-file, who knows the token may publish.';
  static override examples = ['<%= config.bin %> registry serve ./registry --port 4873'];
  static override args = { dir: Args.directory({ required: true }) };
  static override flags = {
    port: Flags.integer({ default: 4873, min: 0, max: 65_535 }),
    host: Flags.string({ description: 'address to listen on', default: '127.0.0.1' }),
    'token-file': Flags.string({ description: 'holds the token that publishing wants', helpValue: 'FILE' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RegistryServe);
    const token = flags['token-file'] === undefined ? undefined : readFileSync(flags['token-file'], 'utf8').trim();
    if (token === '')
      throw new MezzoError('TOKEN_EMPTY', `${flags['token-file']} is empty`, {
        blame: 'user',
        next: 'write a token into it',
      });
    const server = registryServer(args.dir, token);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(flags.port, flags.host, resolve));
    this.log(`serving ${args.dir} at http://${flags.host}:${(server.address() as AddressInfo).port}`);
    await new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
    server.close();
    server.closeAllConnections();
  }
}
