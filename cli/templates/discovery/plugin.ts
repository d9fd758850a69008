import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLUSTER, ENDPOINTS, type PluginContext } from '@mezzo/sdk/contract';
import { OPERATOR_EVENTS } from '@mezzo/sdk/framework';
import { definePlugin } from '@mezzo/sdk/runtime';
import { hostsText, RunningTasks } from './running-tasks.js';

interface Config {
  readonly domain: string;
}

/** A burst of events makes one write. */
const WRITE_AFTER_MS = 100;
const RETRY_MS = 2000;

export default definePlugin<Config>({
  async activate(ctx, { domain }) {
    const { listenIp, stateDir } = ctx.resolve(CLUSTER);
    const running = new RunningTasks();
    const files = (): Record<string, string> => ({
      'tasks.json': `${JSON.stringify({ tasks: running.places() }, undefined, 2)}\n`,
      hosts: hostsText(running.places(), domain),
    });

    // Files of a plugin belong into its state directory: elsewhere it may not write.
    let timer: NodeJS.Timeout | undefined;
    ctx.own(() => clearTimeout(timer));
    const changed = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        for (const [name, text] of Object.entries(files())) replaceFile(join(stateDir, name), text);
      }, WRITE_AFTER_MS);
    };
    void follow(ctx, running, changed);

    const server = createServer((request, response) => {
      const text = request.url === '/health' ? 'ok\n' : files()[request.url?.slice(1) || 'tasks.json'];
      response.writeHead(text === undefined ? 404 : 200).end(text ?? 'there are /tasks.json, /hosts and /health\n');
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, listenIp, resolve));
    ctx.own(() => void (server.close(), server.closeAllConnections()));
    const url = `http://${listenIp}:${(server.address() as AddressInfo).port}`;
    // From here on the router has it at /service/__ID__/.
    ctx.own(await ctx.resolve(ENDPOINTS).announce({ name: '__ID__', url }));
    ctx.log.info(`writes ${stateDir}/hosts and serves at ${url}`);
  },
});

/** Until the plugin stops. Lost connections are made again by themselves; a refusal is told and tried again. */
async function follow(ctx: PluginContext, running: RunningTasks, changed: () => void): Promise<void> {
  while (!ctx.signal.aborted) {
    const events = ctx.resolve(OPERATOR_EVENTS).subscribe();
    const close = (): void => void events.close();
    ctx.signal.addEventListener('abort', close);
    try {
      for await (const event of events) {
        running.take(event);
        ctx.degraded(undefined);
        changed();
      }
    } catch (error) {
      ctx.degraded(`what runs is not kept current: ${(error as Error).message}`);
    }
    ctx.signal.removeEventListener('abort', close);
    await sleep(RETRY_MS, undefined, { signal: ctx.signal }).catch(() => {});
  }
}

/** Whoever reads it meanwhile sees the old text or the new one, whole. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}
