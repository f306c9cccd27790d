import { defineConfig } from 'vitest/config'
import { findPgBouncer } from './test/support/pgbouncer.ts'

const conditions = ['trunkline-source', 'node']
const common = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['trunkline-source'] } },
  // what runs before all tests, from a checkout that was never built
  environments: { __vitest__: { resolve: { conditions } } },
}
// files run one after the other in the same process, whose modules are loaded once: a test leaves no state behind outside of its database
const test = { testTimeout: 60_000, hookTimeout: 60_000, isolate: false, globalSetup: ['test/support/global-setup.ts'] }

const turnsTheClock = 'packages/engine/src/worker/claim-loop.test.ts'
const alone = [
  turnsTheClock,
  'test/one-command-starts-it-and-a-backup-can-be-restored.test.ts',
  'test/the-database-restarts-fails-over-turns-read-only.test.ts',
  'packages/engine/src/postgres/pooler.test.ts',
]

// npm run test:matrix runs all of the engine again on every older version
const whole = process.env.TRUNKLINE_TEST_MATRIX !== undefined

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { ...common, test: { ...test, name: 'postgresql 18', include: ['packages/**/*.test.ts', 'test/**/*.test.ts'], exclude: alone } },
      // what counts seconds, turns the clock, or takes all connections of a server, runs when nothing else does, in a process of its own
      { ...common, test: { ...test, name: 'alone', isolate: true, include: alone, fileParallelism: false, sequence: { groupOrder: 1 } } },
      // the statements again on the oldest version that is promised, and in the matrix on those between
      ...[15, ...(whole ? [16, 17] : [])].map((major) => ({
        ...common,
        test: {
          ...test,
          name: `postgresql ${major}`,
          include: [
            'packages/engine/src/{feed,flows,jobs,keeper,schedules,templates}/*.test.ts',
            'packages/engine/src/gates/gates.test.ts',
            'packages/engine/src/jobs/search/*.test.ts',
            'packages/engine/src/worker/{worker,batch,life,own-transaction,steps}.test.ts',
            'packages/engine/src/postgres/{listen,migrate}.test.ts',
            'packages/tasks/src/backup.test.ts',
            'packages/pgagent/src/{agent,health,pgadmin-statements}.test.ts',
            'packages/server/src/pgagent/*.test.ts',
            // where Debian's pg_dump fits the server
            'test/examples-of-pgagent-run-as-printed.test.ts',
            ...(whole ? ['packages/engine/src/**/*.test.ts'] : []),
          ],
          exclude: [turnsTheClock],
        },
      })),
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
