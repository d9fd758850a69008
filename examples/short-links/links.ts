import type { PluginStore } from '@mezzo/sdk/contract';

export interface Link {
  readonly name: string;
  readonly url: string;
}

const MAX_LINKS = 1000;

/** Short names of URLs, kept in the store of the plugin. */
export class Links {
  constructor(private readonly store: PluginStore) {}

  async list(): Promise<Link[]> {
    return (await this.store.list('links/')).map(({ key, value }) => ({
      name: key.slice('links/'.length),
      url: value,
    }));
  }

  async get(name: string): Promise<string | undefined> {
    return NAME.test(name) ? (await this.store.get(`links/${name}`))?.value : undefined;
  }

  /** Answers what is wrong with it; undefined when it is stored. */
  async put({ name, url }: Link): Promise<string | undefined> {
    if (!NAME.test(name)) return '"name": 1 to 32 small letters, digits and "-"';
    if (url.length > 2000 || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      return '"url" is no URL of http or https';
    if ((await this.get(name)) === undefined && (await this.list()).length >= MAX_LINKS)
      return `there are ${MAX_LINKS} links already`;
    await this.store.commit([{ op: 'put', key: `links/${name}`, value: new URL(url).href }]);
    return undefined;
  }
}

const NAME = /^[a-z0-9-]{1,32}$/;
