import { cgroupV2Laws } from '../support/cgroup-v2-laws.js';
import { guestLack, plainMachine } from '../support/guest.js';
import { guestSuite } from '../support/guest-suite.js';
import { describeIf } from '../support/skip.js';

describeIf(await guestLack(), 'containerizer-mesos on a machine with cgroup v2 alone', () =>
  guestSuite(plainMachine, 'cgroup-v2', cgroupV2Laws(), /^guest \d+\.\d+.*: cpu memory/, 20 * 60_000),
);
