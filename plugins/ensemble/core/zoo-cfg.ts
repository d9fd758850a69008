export interface ServerSettings {
  readonly dataDir: string;
  /** Holds the members; ZooKeeper writes a new one at each change and names it in zoo.cfg. */
  readonly dynamicConfigFile: string;
  readonly tickTimeMs: number;
  readonly initLimit: number;
  readonly syncLimit: number;
  /** `super:<base64 of SHA-1>`: who may change the members. The file is for one reader. */
  readonly superDigest: string;
}

/** The text of zoo.cfg. */
export function zooCfg(settings: ServerSettings): string {
  const lines = [
    `tickTime=${settings.tickTimeMs}`,
    `initLimit=${settings.initLimit}`,
    `syncLimit=${settings.syncLimit}`,
    `dataDir=${settings.dataDir}`,
    'autopurge.snapRetainCount=3',
    'autopurge.purgeInterval=12',
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,mntr',
    'standaloneEnabled=false',
    'reconfigEnabled=true',
    `DigestAuthenticationProvider.superDigest=${settings.superDigest}`,
    `dynamicConfigFile=${settings.dynamicConfigFile}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The file that ZooKeeper itself named last; a zoo.cfg that is written anew must go on naming it. */
export const dynamicFileOf = (text: string): string | undefined => /^dynamicConfigFile=(.+)$/m.exec(text)?.[1]?.trim();
