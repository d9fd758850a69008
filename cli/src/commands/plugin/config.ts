import { readFileSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { watchFlags } from '../../plugin/flags.js';
import { clusterFlags, MezzoCommand } from '../../lib/command.js';
import { callPlugins, findEntry, watchVersion } from '../../plugin/plugins.js';

type Json = Record<string, unknown>;

export default class PluginConfig extends MezzoCommand {
  static override summary = "Show or change a plugin's configuration, on all nodes, while it runs";
  static override description =
    'Values are JSON, or text where they are none. KEY= takes a key back to its default. What --plugin-config of a daemon says goes before it there.';
  static override examples = [
    '<%= config.bin %> plugin config dns',
    '<%= config.bin %> plugin config dns ttlSeconds=30 resolvers=\'["10.0.0.2"]\'',
    '<%= config.bin %> plugin config dns --file dns.json',
  ];
  static override strict = false;
  static override enableJsonFlag = true;
  static override args = {
    id: Args.string({ required: true }),
    changes: Args.string({ description: 'KEY=VALUE, any number of them' }),
  };
  static override flags = {
    ...clusterFlags,
    timeout: watchFlags.timeout,
    file: Flags.string({
      description: 'JSON with all of the configuration, in the place of what was given',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<Json> {
    const { args, flags, argv } = await this.parse(PluginConfig);
    const cluster = await this.cluster(flags);
    const entry = await findEntry(cluster, args.id);
    const changes = (argv as string[]).slice(1);
    if (flags.file === undefined && changes.length === 0) {
      if (!this.jsonEnabled()) this.log(JSON.stringify(entry.config, null, 2));
      return entry.config;
    }
    const wanted: Json = flags.file === undefined ? { ...entry.config } : readJsonFile(flags.file);
    for (const change of changes) {
      const at = change.indexOf('=');
      if (at < 1)
        throw new MezzoError('ARGUMENT_INVALID', `'${change}' is no KEY=VALUE`, {
          blame: 'user',
          next: 'write KEY=VALUE',
        });
      const [key, text] = [change.slice(0, at), change.slice(at + 1)];
      if (text === '') delete wanted[key];
      else wanted[key] = valueOf(text);
    }
    const { config, rollout } = await callPlugins<{ config: Json; rollout?: boolean }>(
      cluster,
      `/plugins/${args.id}/config`,
      { method: 'PUT', body: wanted },
    );
    if (rollout) {
      this.log(`${args.id} is configured: its nodes take it one after the other`);
      await watchVersion(cluster, args.id, entry.version, (line) => this.log(line), flags.timeout * 1000);
    } else {
      const waits = entry.manifest?.process === 'kernel' && !entry.enabled;
      this.log(`${args.id} is configured${waits ? '; daemons take it at their next start' : ''}`);
    }
    return config;
  }
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readJsonFile(file: string): Json {
  try {
    return Object(JSON.parse(readFileSync(file, 'utf8'))) as Json;
  } catch (cause) {
    throw new MezzoError('FILE_UNREADABLE', `${file} holds no JSON that can be read: ${(cause as Error).message}`, {
      blame: 'user',
    });
  }
}
