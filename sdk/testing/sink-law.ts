import type { Law } from './containerizer-suite.js';

const LAW_TIMEOUT_MS = 20_000;

/** Makes laws, each about a sink of its own that is closed afterwards. `skip`: why it does not apply here. */
export const lawsAbout =
  <Under extends { close(): Promise<void> }>(create: () => Promise<Under>) =>
  (title: string, check: (under: Under) => Promise<void>, skip?: string): Law => ({
    title,
    timeoutMs: LAW_TIMEOUT_MS,
    ...(skip !== undefined && { skip }),
    run: async () => {
      const under = await create();
      try {
        await check(under);
      } finally {
        await under.close();
      }
    },
  });
