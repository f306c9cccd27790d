// The third front door, `@trunkline/engine/testing`: what users need to test their tasks.
export type { TestClock } from './clock.ts'
export type { DrainedRun, DrainOptions } from './drain.ts'
export { type RunTaskOptions, runTask, runTaskBatch, type TaskLogLine, type TaskRun } from './run-task.ts'
export { createTestKit, type TestKit, type TestKitOptions, type WaitOptions } from './test-kit.ts'
