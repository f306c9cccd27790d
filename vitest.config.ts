import { defineConfig } from 'vitest/config'
import { findPgBouncer } from './test/support/pgbouncer.ts'

const conditions = ['trunkline-source', 'node']
const common = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['trunkline-source'] } },
}
const test = { testTimeout: 60_000, hookTimeout: 60_000, globalSetup: ['test/support/global-setup.ts'] }

const alone = [
  'test/one-command-starts-it-and-a-backup-can-be-restored.test.ts',
  'test/the-database-restarts-fails-over-turns-read-only.test.ts',
  'packages/engine/src/postgres/pooler.test.ts',
]

// npm run test:matrix runs all of the engine again on the oldest version
const whole = process.env.TRUNKLINE_TEST_MATRIX !== undefined

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { ...common, test: { ...test, name: 'postgresql 18', include: ['packages/**/*.test.ts', 'test/**/*.test.ts'], exclude: alone } },
      // what counts seconds, or takes all connections of a server, runs when nothing else does
      { ...common, test: { ...test, name: 'alone', include: alone, fileParallelism: false, sequence: { groupOrder: 1 } } },
      // the statements again on the oldest version that is promised
      {
        ...common,
        test: {
          ...test,
          name: 'postgresql 15',
          include: [
            'packages/engine/src/{feed,flows,jobs,keeper}/*.test.ts',
            'packages/engine/src/gates/gates.test.ts',
            'packages/engine/src/jobs/search/*.test.ts',
            'packages/engine/src/worker/{worker,batch,life,own-transaction}.test.ts',
            'packages/engine/src/postgres/{listen,migrate}.test.ts',
            'packages/tasks/src/backup.test.ts',
            ...(whole ? ['packages/engine/src/**/*.test.ts'] : []),
          ],
        },
      },
      // jobs and workers again through a pooler in transaction mode, where one is installed; plans are looked at on the server itself
      ...(findPgBouncer()
        ? [
            {
              ...common,
              test: {
                ...test,
                name: 'pgbouncer',
                include: ['packages/engine/src/worker/worker.test.ts', 'packages/engine/src/{flows,gates,jobs}/*.test.ts'],
                exclude: ['packages/engine/src/jobs/plans.test.ts', 'packages/engine/src/gates/gate-plans.test.ts'],
              },
            },
          ]
        : []),
    ],
  },
})
