import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['trunkline-source', 'node', 'import', 'default'] },
  ssr: {
    resolve: {
      conditions: ['trunkline-source', 'node', 'import', 'default'],
      externalConditions: ['trunkline-source', 'node', 'import', 'default'],
    },
  },
  test: {
    include: ['packages/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
