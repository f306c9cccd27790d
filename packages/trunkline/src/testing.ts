// `trunkline/testing`: run handlers, drain queues and let time pass in tests.
export * from '@trunkline/engine/testing'
