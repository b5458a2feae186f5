#!/usr/bin/env node
// Runs the offline verifier as it is written, in TypeScript (docs/decisions/0007).
const { join } = require('node:path');
// Whatever folder it is called in: that folder's own settings for TypeScript are not ours.
process.env.TSX_TSCONFIG_PATH = join(__dirname, '..', 'tsconfig.json');
require('tsx/cjs');
require('../src/cli/audit-verify.ts');
