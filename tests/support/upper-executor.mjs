// An executor of the SDK: says what it is given in capitals, and waits to be killed when it is given nothing.
import { runExecutor } from '@mezzo/sdk/framework';

await runExecutor({
  launch: async ({ data }, { signal }) => {
    if (data === undefined) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return {
      data: Buffer.from(
        Buffer.from(data ?? '', 'base64')
          .toString()
          .toUpperCase(),
      ).toString('base64'),
    };
  },
});
