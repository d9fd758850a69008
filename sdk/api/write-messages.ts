import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { generateMessages } from './generate.js';
import { schema } from './schema.js';

writeFileSync(fileURLToPath(new URL('../../api/messages.ts', import.meta.url)), generateMessages(schema()));
