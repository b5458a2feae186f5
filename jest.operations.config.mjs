import { integration, limits } from './jest.config.mjs';

/**
 * What operators do and what happens to their processes, with gateways, programs and database servers that each test
 * starts: `npm run test:operations`. @type {import('jest').Config}
 */
export default { ...limits, ...integration, displayName: 'operations', roots: ['<rootDir>/test/operations'] };
