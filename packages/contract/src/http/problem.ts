import { z } from 'zod'

/** Every error: `application/problem+json` (RFC 9457). */
export const problem = z
  .object({
    type: z.string().meta({ description: 'Where the code is explained' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().meta({ description: 'One sentence that names what was received' }),
    code: z.string().meta({ description: 'Stable; see docs/errors.md' }),
    hint: z.string().optional().meta({ description: 'The next step' }),
    requestId: z.string(),
    errors: z
      .array(z.object({ field: z.string(), problem: z.string() }))
      .optional()
      .meta({ description: 'Each field that is wrong' }),
  })
  .meta({ id: 'Problem' })

/** One of {@link problem}. */
export type Problem = z.output<typeof problem>
