// npm run api: writes docs/api/sdk.api.md, what the SDK promises to plugins, for a breaking change to show in review. With --check: says
// whether it is as it should be, and writes nothing. npm run docs: the same as pages to read, in build/docs.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './lib.mjs';

const { Extractor, ExtractorConfig } = createRequire(import.meta.url)('@microsoft/api-extractor');

const SDK = join(root, 'sdk');
const REPORT = join(root, 'docs', 'api', 'sdk.api.md');
/** The entry points of the package, as namespaces of one module. `api` is as sdk/api/proto says, which is reviewed there. */
const ENTRIES = Object.keys(JSON.parse(readFileSync(join(SDK, 'package.json'), 'utf8')).exports)
  .map((name) => name.slice(2))
  .filter((name) => name !== 'api' && !/\.json$|\*/.test(name));
const POINTS = readdirSync(join(SDK, 'points'))
  .filter((name) => !name.endsWith('.test.ts'))
  .map((name) => name.replace(/\.ts$/, ''));

const all = join(SDK, 'dist', 'all.d.ts');
const lines = [
  ...ENTRIES.map((name) => [name, `./${name}/index.js`]),
  ...POINTS.map((name) => [`points_${name.replaceAll('-', '_')}`, `./points/${name}.js`]),
].map(([name, file]) => `import * as ${name} from '${file}';\nexport { ${name} };`);
writeFileSync(all, lines.join('\n'));

const isCheck = process.argv.includes('--check');
const temp = join(root, 'build', 'api');
mkdirSync(temp, { recursive: true });
const quiet = { logLevel: 'none' };
const config = ExtractorConfig.prepare({
  configObjectFullPath: undefined,
  packageJsonFullPath: join(SDK, 'package.json'),
  configObject: {
    projectFolder: SDK,
    mainEntryPointFilePath: all,
    compiler: { tsconfigFilePath: join(SDK, 'tsconfig.json') },
    apiReport: {
      enabled: true,
      reportFolder: join(root, 'docs', 'api'),
      reportFileName: 'sdk',
      reportTempFolder: temp,
      includeForgottenExports: false,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      compilerMessageReporting: { default: quiet },
      extractorMessageReporting: { default: quiet },
      tsdocMessageReporting: { default: quiet },
    },
  },
});
const { apiReportChanged } = Extractor.invoke(config, {
  localBuild: !isCheck,
  showVerboseMessages: false,
  messageCallback: (message) => (message.handled = true),
});
rmSync(all);
if (isCheck && apiReportChanged) {
  console.error(
    'what the SDK promises has changed: look at it with `npm run api && git diff docs/api`, and commit it if you mean it',
  );
  process.exitCode = 1;
} else console.log(`${REPORT} ${apiReportChanged ? 'is written' : 'is as it should be'}`);
