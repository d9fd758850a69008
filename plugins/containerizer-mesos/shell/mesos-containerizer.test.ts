import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { toCheckpoint } from '../core/checkpoint.js';
import { MesosContainerizer } from './mesos-containerizer.js';
import * as processes from './processes.js';

/** What happens at the moment when it is looked whether a process is alive, which it is not. */
let meanwhile = (): void => {};
vi.mock('./processes.js', async (original) => ({
  ...(await original<typeof processes>()),
  isAlive: () => (meanwhile(), false),
}));

test('a container that ends just when it is taken back is taken back, and how it ended is told', async () => {
  const runtimeDir = mkdtempSync(join(tmpdir(), 'mezzo-mesos-'));
  const containerizer = new MesosContainerizer({ runtimeDir, namespaces: false, cgroups: false, cfs: false });
  onTestFinished(async () => {
    await containerizer.close();
    rmSync(runtimeDir, { recursive: true });
  });
  await containerizer.start();
  const ref = { pid: 2, start: 1 };
  const checkpoint = toCheckpoint('c', {
    ...{ owner: 'o', bootId: processes.bootId(), shim: ref, main: ref, group: 2, mode: 'group', cgroups: 'none' },
    ...{ sandbox: runtimeDir, cpusLimitMilli: 100 },
  });
  meanwhile = () => writeFileSync(join(runtimeDir, 'exits/o/c'), '7 \n');
  expect(await containerizer.recover('o', [checkpoint])).toEqual(['c']);
  expect(await containerizer.wait('c')).toMatchObject({ code: 7 });
});
