export { TrunklineError, isTrunklineError, type ErrorCode } from '@trunkline/contract'
export * from '@trunkline/engine'
