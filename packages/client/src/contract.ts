/** The words and shapes of the contract, for programs that build on the client alone. */
export * from '@trunkline/contract'
export type * from '@trunkline/contract/http'
