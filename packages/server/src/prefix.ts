/** Below this the API lives. */
export const apiPrefix = '/api/v1'
