import { defineConfig } from 'vitest/config'

const conditions = ['trunkline-source', 'node']
const common = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['trunkline-source'] } },
}
const test = { testTimeout: 60_000, hookTimeout: 60_000, globalSetup: ['test/support/global-setup.ts'] }

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { ...common, test: { ...test, name: 'postgresql 18', include: ['packages/**/*.test.ts', 'test/**/*.test.ts'] } },
      // the statements again on the oldest version that is promised
      {
        ...common,
        test: { ...test, name: 'postgresql 15', include: ['packages/engine/src/**/*.test.ts', 'packages/tasks/src/backup.test.ts'] },
      },
    ],
  },
})
