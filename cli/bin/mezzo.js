#!/usr/bin/env node
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execute } from '@oclif/core';
import { loadOptions } from '../dist/plugin/commands-plugin.js';

await execute({ loadOptions: await loadOptions(dirname(dirname(fileURLToPath(import.meta.url)))) });
