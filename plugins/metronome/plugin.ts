import { definePlugin } from '@mezzo/sdk/runtime';

export default definePlugin({
  activate() {
    throw new Error('not built yet');
  },
});
