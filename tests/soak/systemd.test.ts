import { guestLack } from '../support/guest.js';
import { guestSuite } from '../support/guest-suite.js';
import { describeIf } from '../support/skip.js';
import { systemdLaws } from '../support/systemd-laws.js';
import { systemdLack, systemdMachine } from '../support/systemd-machine.js';
import { zookeeperClientMissing, zookeeperServerMissing } from '../support/zookeeper-server.js';

const lack = systemdLack() ?? zookeeperServerMissing() ?? (await zookeeperClientMissing()) ?? (await guestLack());

describeIf(lack, 'the units on a machine whose process 1 is systemd', () =>
  guestSuite(systemdMachine, 'systemd', systemdLaws(), /^guest \d+\.\d+.*: systemd 2\d\d/, 40 * 60_000),
);
