import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseMessageText } from '@mezzo/sdk/api';
import {
  discoverySinkSuite,
  eventSinkSuite,
  FakeDiscoverySink,
  FakeEventSink,
  FakeMetricsSink,
  metricsSinkSuite,
  type Law,
} from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';
import { EventLog } from '../../examples/cluster-sinks/event-log.js';
import { LineProtocol } from '../../examples/cluster-sinks/line-protocol.js';
import { Targets } from '../../examples/cluster-sinks/targets.js';

function hold(laws: readonly Law[]): void {
  for (const { title, timeoutMs, skip, run } of laws) it(title, { timeout: timeoutMs, skip: skip !== undefined }, run);
}

const away = async (sink: { failure: Error | undefined }) => {
  sink.failure = new Error('away');
  return async () => void (sink.failure = undefined);
};

describe('the fake event sink', () => {
  const create = async () => {
    const sink = new FakeEventSink();
    return {
      sink,
      kept: async () => sink.events,
      breakIt: () => away(sink),
      reopen: async () => sink,
      close: async () => {},
    };
  };
  hold(eventSinkSuite({ create }));
});

describe('the fake metrics sink', () => {
  const create = async () => {
    const sink = new FakeMetricsSink();
    const arrived = async () =>
      sink.scrapes
        .flatMap(({ samples }) => samples)
        .map(({ name, value }) => ({ name, value: Number.isNaN(value) ? undefined : value }));
    return { sink, arrived, breakIt: () => away(sink), close: async () => {} };
  };
  hold(metricsSinkSuite({ create }));
});

describe('the fake discovery sink', () => {
  const create = async () => {
    const sink = new FakeDiscoverySink();
    const shown = async () => [...sink.shown.values()].map(({ key, addresses: [address = ''] }) => ({ key, address }));
    return { sink, shown, breakIt: () => away(sink), reopen: async () => sink, close: async () => {} };
  };
  hold(discoverySinkSuite({ create }));
});

/** A directory that can be taken away, and put back as it was. */
function home() {
  const above = mkdtempSync(join(tmpdir(), 'mezzo-sinks-'));
  const dir = mkdtempSync(join(above, 'home-'));
  return {
    file: join(dir, 'file'),
    close: async () => rmSync(above, { recursive: true }),
    breakIt: async () => {
      renameSync(dir, `${dir}-away`);
      writeFileSync(dir, '');
      return async () => {
        rmSync(dir);
        renameSync(`${dir}-away`, dir);
      };
    },
  };
}

describe('events in a file', () => {
  const create = async () => {
    const { file, ...more } = home();
    const open = () => new EventLog(file, 64 * 1024 * 1024, 2);
    const kept = async () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.stringify((JSON.parse(line) as { event: object }).event))
        .map((text) => parseMessageText('mesos.v1.master.Event', text));
    return { sink: open(), kept, reopen: async () => open(), ...more };
  };
  hold(eventSinkSuite({ create }));

  it('what a crash has cut off is not taken for the beginning of the next', async () => {
    const { file, close } = home();
    writeFileSync(file, '{"at":"2026","event":{"typ');
    await new EventLog(file, 1000, 2).write({ events: [{ type: 'HEARTBEAT' }], missed: false });
    const [torn, whole] = readFileSync(file, 'utf8').split('\n');
    if (torn !== '{"at":"2026","event":{"typ' || !whole?.endsWith('{"type":"HEARTBEAT"}}')) throw new Error(whole);
    await close();
  });
});

describe('metrics over UDP', () => {
  const create = async () => {
    const receiver = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
    await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
    const texts: string[] = [];
    receiver.on('message', (data) => texts.push(String(data)));
    const sink = new LineProtocol('127.0.0.1', (receiver.address() as AddressInfo).port, 10);
    const arrived = async () => {
      await quiet(texts);
      const lines = texts.join('').trim().split('\n');
      return lines.map((line) => {
        const [, name = '', value] = /^([^,]+),.* value=(\S+) \d+$/.exec(line) ?? [];
        return { name, value: Number(value) };
      });
    };
    const close = async () => {
      await sink.close();
      receiver.close();
    };
    return { sink, arrived, close };
  };
  hold(metricsSinkSuite({ create, unbreakable: 'nobody says whether a datagram has arrived' }));
});

describe('running tasks in a file', () => {
  const create = async () => {
    const { file, ...more } = home();
    const shown = async () => {
      const groups = JSON.parse(readFileSync(file, 'utf8')) as { targets: string[]; labels: Record<string, string> }[];
      return groups.map(({ targets: [first = ''], labels }) => ({
        key: labels['__meta_mezzo_key'] ?? '',
        address: first.replace(/:\d+$/, ''),
      }));
    };
    return { sink: new Targets(file), shown, reopen: async () => new Targets(file), ...more };
  };
  hold(discoverySinkSuite({ create }));
});

/** Until nothing has come for a moment. */
async function quiet(texts: readonly string[]): Promise<void> {
  for (let seen = -1; seen !== texts.length; await sleep(100)) seen = texts.length;
}
