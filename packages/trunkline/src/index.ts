export { type ErrorCode, isTrunklineError, TrunklineError } from '@trunkline/contract'
export * from '@trunkline/engine'
