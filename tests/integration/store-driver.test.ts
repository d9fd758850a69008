import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StandbyMaster } from '../../kernel/main/master.js';
import { TestMasters } from '../support/masters.js';
import { SharedLog, SharedPlace } from '../support/shared-log.js';
import { describeIf } from '../support/skip.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const SHARED = Symbol.for('mezzo-test/shared-log');

/** A driver whose log lies in this process, where all masters of the test are. */
function writeDriver(dir: string): void {
  mkdirSync(dir, { mode: 0o755 });
  const mezzo = {
    ...{ id: 'shared', sdk: '*', runsOn: ['master'], process: 'kernel', entry: 'plugin.mjs' },
    provides: ['store-driver.v1'],
  };
  const files = {
    'package.json': JSON.stringify({ name: 'shared', version: '1.0.0', mezzo }),
    'plugin.mjs': `
      import { STORE_DRIVER } from '@mezzo/sdk/points/store-driver';
      import { LoggedStore } from '@mezzo/sdk/store';
      const log = () => globalThis[Symbol.for('mezzo-test/shared-log')]();
      const driver = { name: 'shared', shared: true, open: () => LoggedStore.open(log(), { snapshotEvery: 5 }) };
      export default { configure: (bind) => bind.contribute(STORE_DRIVER, { useValue: driver }), activate() {} };`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o644 });
}

describeIf(
  zookeeperServerMissing() ?? (await zookeeperClientMissing()),
  'several masters on a driver they share',
  () => {
    let masters: TestMasters;
    let place: SharedPlace;
    let driver: string;
    beforeEach(async () => {
      place = new SharedPlace();
      Object.assign(globalThis, { [SHARED]: () => new SharedLog(place) });
      masters = await TestMasters.start();
      driver = join(masters.home, 'driver');
      writeDriver(driver);
    }, 60_000);
    afterEach(() => masters.stop(), 60_000);

    const weigh = async ({ url }: StandbyMaster, role: string) => {
      const body = JSON.stringify([{ role, weight: 2 }]);
      expect((await fetch(`${url}/weights`, { method: 'PUT', body })).status).toBe(200);
    };
    const roles = async ({ url }: StandbyMaster) =>
      ((await (await fetch(`${url}/weights`)).json()) as { role: string }[]).map(({ role }) => role);

    test('the next leader has what was settled, and what the one before writes late does not land', async () => {
      const first = await masters.add([`--store_driver=${driver}`]);
      const next = await masters.add([`--store_driver=${driver}`]);
      const { store, epoch } = await first.leading;
      for (const role of ['a', 'b', 'c']) await weigh(first, role);
      masters.cut(first);
      const after = await next.leading;
      expect(after.epoch).toBeGreaterThan(epoch);
      expect(await roles(next)).toEqual(['a', 'b', 'c']);
      await weigh(next, 'd');
      const late = store.commit({ epoch, writes: [{ op: 'put', key: 'late', value: '' }] });
      await expect(late).rejects.toMatchObject({ code: 'STORE_FENCED' });
      expect(after.store.get('late')).toBeUndefined();
      expect(place.epoch).toBe(after.epoch);
    });
  },
);
