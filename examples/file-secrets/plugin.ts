import { LOG } from '@mezzo/sdk/contract';
import { SECRET_STORE } from '@mezzo/sdk/points/secret-store';
import { definePlugin } from '@mezzo/sdk/runtime';
import { FileSecrets } from './file-secrets.js';

interface Config {
  readonly directory: string;
}

export default definePlugin<Config>({
  configure(bind, { directory }) {
    bind.contribute(SECRET_STORE, { useFactory: (resolve) => new FileSecrets(directory, resolve(LOG)) });
  },
  activate() {},
});
