import { expect, test } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { defineTask } from '../jobs/define-task.ts'
import type { FlowJob } from './read-flow.ts'

const db = await testDatabase()
const trunkline = await db.connect()
const task = defineTask('plans.step', { run() {} })
const pairs = 500

interface Node {
  'Node Type': string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Join Filter'?: number
  Plans?: Node[]
}
const nodes = (plan: Node): Node[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** Ends jobs with a status and answers the plans of everything that this set off, by their text. */
async function plansOf(parents: string[], status: number): Promise<Map<string, Node[]>> {
  const client = await db.client()
  const plans = new Map<string, Node[]>()
  client.on('notice', ({ message = '' }) => {
    const from = message.indexOf('{')
    if (!message.startsWith('duration:') || from < 0) return
    const { 'Query Text': text, Plan } = JSON.parse(message.slice(from)) as { 'Query Text': string; Plan: Node }
    plans.set(text, nodes(Plan))
  })
  await client.query(`load 'auto_explain'`)
  const settings = {
    log_min_duration: 0,
    log_analyze: 'on',
    log_nested_statements: 'on',
    log_level: 'notice',
    log_format: 'json',
    log_timing: 'off',
  }
  for (const [name, value] of Object.entries(settings)) await client.query(`set auto_explain.${name} = ${value}`)
  await client.query(
    `insert into trunkline.outcome(id, status, attempt, queue_id, task_id, finished_at)
     select j.id, $2::int2, 0, j.queue_id, j.task_id, now() from trunkline.job j where j.id = any($1::int8[])`,
    [parents, status],
  )
  return plans
}

test.each([
  ['complete, and free their children', 2],
  ['fail, and take their children along', 3],
] as const)('parents that %s in one statement look at each child once', async (_what, status) => {
  const jobs = Array.from({ length: pairs }, (_, i): FlowJob[] => [
    { name: `parent ${i}`, task },
    { name: `child ${i}`, task, dependsOn: [`parent ${i}`] },
  ])
  const { jobs: made } = await trunkline.flows.add({ jobs: jobs.flat() })
  const idsOf = (what: string) => Array.from({ length: pairs }, (_, i) => made[`${what} ${i}`]?.id as string)
  const plans = await plansOf(idsOf('parent'), status)
  const walked = [...plans].filter(([text]) => text.includes('trunkline.blocked'))
  expect(walked.length).toBeGreaterThan(0)
  for (const [text, plan] of walked) {
    for (const node of plan) {
      const about = `${node['Node Type']} in ${text.slice(0, 60)}`
      const loops = node['Actual Loops']
      expect(node['Node Type'], about).not.toMatch(/Seq Scan/)
      expect(node['Actual Rows'] * loops, about).toBeLessThanOrEqual(4 * pairs)
      expect((node['Rows Removed by Join Filter'] ?? 0) * loops, about).toBeLessThanOrEqual(4 * pairs)
      expect((node['Rows Removed by Filter'] ?? 0) * loops, about).toBeLessThanOrEqual(4 * pairs)
    }
  }
  const [counts] = await db.rows(
    `select (select count(*)::int from trunkline.blocked) blocked,
       (select count(*)::int from trunkline.outcome where id = any($1::int8[]) and status = 4) cancelled`,
    [idsOf('child')],
  )
  expect(counts).toEqual({ blocked: 0, cancelled: status === 2 ? 0 : pairs })
})
