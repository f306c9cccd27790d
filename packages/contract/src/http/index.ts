// The second front door, `@trunkline/contract/http`: one schema for each body and answer of the API. From these come validation,
// OpenAPI and the types of clients.
export * from './auth.ts'
export * from './jobs.ts'
export * from './problem.ts'
export * from './queues.ts'
export * from './search.ts'
export * from './shapes.ts'
export * from './system.ts'
export type * from './types.ts'
export * from './workers.ts'
