import { useQuery } from '@tanstack/react-query'
import type { JobAnswer, TemplateAnswer } from '@trunkline/client/contract'
import { readJson } from '../../parts/exact.ts'
import { isObject, type Schema } from '../../parts/schema.ts'
import { client } from '../../session.tsx'

/** Options of a new job, as the form has them: texts. */
export interface RunOptions {
  queue: string
  priority: string
  runAt: string
  maxAttempts: string
  timeoutMin: string
  uniqueKey: string
  tags: string[]
}

export const noOptions: RunOptions = { queue: '', priority: '', runAt: '', maxAttempts: '', timeoutMin: '', uniqueKey: '', tags: [] }

/** The options as the API takes them; a time is that of the browser's zone. */
export function optionsBody({ queue, priority, runAt, maxAttempts, timeoutMin, uniqueKey, tags }: RunOptions) {
  return {
    ...(queue ? { queue } : {}),
    ...(priority ? { priority: Number(priority) } : {}),
    ...(runAt ? { runAt: new Date(runAt).toISOString() } : {}),
    ...(maxAttempts ? { maxAttempts: Number(maxAttempts) } : {}),
    ...(timeoutMin ? { timeoutMs: Math.round(Number(timeoutMin) * 60_000) } : {}),
    ...(uniqueKey ? { uniqueKey } : {}),
    ...(tags.length > 0 ? { tags } : {}),
  }
}

/** The job that is repeated, the template that is used. */
export function useSources(from: string | undefined, templateId: string | undefined) {
  const job = useQuery<JobAnswer>({
    queryKey: ['job', from ?? '', 'source'],
    enabled: from !== undefined,
    queryFn: () => client.jobs.get(from as string, { includeData: true, parse: readJson }),
    staleTime: Infinity,
  })
  const template = useQuery<TemplateAnswer>({
    queryKey: ['templates', templateId ?? ''],
    enabled: templateId !== undefined,
    queryFn: () => client.templates.get(templateId as string),
    staleTime: Infinity,
  })
  return { job, template }
}

/** Payloads that jobs of a task had lately, each once. */
export function useRecentPayloads(task: string | null) {
  return useQuery({
    queryKey: ['jobs', 'payloads', task],
    enabled: task !== null,
    queryFn: async () => {
      const { data } = await client.jobs.search({ q: `task:${task}`, limit: 30, includeData: true })
      const seen = new Set<string>()
      return data
        .filter((job) => 'payload' in job)
        .filter(({ payload }) => {
          const text = JSON.stringify(payload)
          return !seen.has(text) && Boolean(seen.add(text))
        })
        .slice(0, 8)
    },
  })
}

/** The schema of a task, where it is one of an object. */
export function schemaOf(inputSchema: unknown): Schema | null {
  return isObject(inputSchema) ? (inputSchema as Schema) : null
}
