#!/usr/bin/env node
// Runs the offline verifier as it is written, in TypeScript (docs/decisions/0007).
require('tsx/cjs');
require('../src/cli/audit-verify.ts');
