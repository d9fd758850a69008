import { join } from 'node:path';
import { containerizerSuite, SHELL_BEHAVIOURS, silentLog } from '@mezzo/sdk/testing';
import { afterAll, beforeAll, it } from 'vitest';
import { DockerContainerizer } from '../../plugins/containerizer-docker/shell/docker-containerizer.js';
import { dockerdLack, TEST_IMAGE, TestDockerd } from '../support/dockerd.js';
import { describeIf } from '../support/skip.js';

describeIf(dockerdLack(), 'containerizer-docker', () => {
  let engine: TestDockerd;
  beforeAll(async () => {
    engine = await TestDockerd.start();
  });
  afterAll(() => engine?.destroy());

  const laws = containerizerSuite({
    async create(home) {
      const containerizer = new DockerContainerizer({
        ...{ socket: engine.socket, stateDir: join(home, 'state'), pullTimeoutMs: 10_000, log: silentLog },
        onTrouble: () => {},
      });
      await containerizer.start();
      return containerizer;
    },
    capabilities: { cgroups: 'v1', nesting: false, streams: 'none' },
    container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'NONE' } },
    behaviours: SHELL_BEHAVIOURS,
    async residue(_home, owner) {
      const found = await engine.docker.listContainers({ all: true });
      return found.flatMap(({ Names }) => Names).filter((name) => name.includes(owner));
    },
  });
  for (const law of laws) if (law.skip === undefined) it(law.title, { timeout: law.timeoutMs }, law.run);
});
