// Validates the OpenAPI document on standard input and prints the faults, as JSON. The validator is an ES module, which
// Jest's sandbox cannot load.
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';

const validator = new Validator();
const { valid, errors } = await validator.validate(JSON.parse(readFileSync(0, 'utf8')));
process.stdout.write(JSON.stringify({ valid, errors, version: validator.version }));
