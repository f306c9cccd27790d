import { newRetention, retention, retentionPreview } from '@trunkline/contract/http'
import type { RetentionOptions, RetentionRules, RetentionView, StateRetention } from '@trunkline/engine'
import type { z } from 'zod'
import { checkUnscoped } from '../door/may.ts'
import { covers, type Principal } from '../door/principal.ts'
import { type Route, route } from '../route.ts'
import type { Service } from '../service.ts'
import { said } from './jobs.ts'

type Keeps = Omit<z.output<typeof newRetention>, 'tasks'>

const keepsOf = ({ completedMs, failedMs, cancelledMs }: Keeps): StateRetention =>
  said({ completed: completedMs, failed: failedMs, cancelled: cancelledMs }) as StateRetention

function optionsOf({ tasks = {}, ...common }: z.output<typeof newRetention>): RetentionOptions {
  return { ...keepsOf(common), tasks: Object.fromEntries(Object.entries(tasks).map(([task, keeps]) => [task, keepsOf(keeps)])) }
}

const inMs = ({ completed, failed, cancelled }: Partial<RetentionRules>) =>
  said({ completedMs: completed, failedMs: failed, cancelledMs: cancelled })

/** Rules of tasks outside the caller's scope are left out. */
function rulesAnswer({ tasks, ...common }: RetentionRules, { scopes }: Principal): z.output<typeof retention>['rules'] {
  const mine = Object.entries(tasks).filter(([task]) => covers(scopes.tasks, task))
  return {
    ...{ completedMs: common.completed, failedMs: common.failed, cancelledMs: common.cancelled },
    tasks: Object.fromEntries(mine.map(([task, keeps]) => [task, inMs(keeps)])),
  }
}

function answer({ rules, source, by, at, otherwise }: RetentionView, principal: Principal): z.output<typeof retention> {
  return {
    ...{ rules: rulesAnswer(rules, principal), source, by, at: at?.toISOString() ?? null },
    otherwise: { rules: rulesAnswer(otherwise.rules, principal), source: otherwise.source },
  }
}

/** How long ended jobs are kept. */
export function retentionRoutes({ trunkline }: Service): Route[] {
  return [
    route({
      method: 'GET',
      url: '/retention',
      summary: 'How long ended jobs are kept, by state and task, and who says so',
      tag: 'retention',
      access: { role: 'viewer', object: 'none' },
      answers: { 200: retention },
      run: async ({ principal }) => answer(await trunkline.retention.get(), principal),
    }),
    route({
      method: 'PUT',
      url: '/retention',
      summary: 'Store how long ended jobs are kept, in the place of what the settings of the keeper say',
      tag: 'retention',
      access: { role: 'owner', object: 'none' },
      action: 'retention.set',
      body: newRetention,
      answers: { 200: retention },
      async run({ body, change, principal, within }) {
        checkUnscoped(within, 'retention')
        await change('retention', async (verbs, note) => {
          const { rules, source } = await verbs.retention.get()
          note.before = { source, rules }
          await verbs.retention.set(optionsOf(body), { by: principal.subject })
          note.after = { source: 'stored', rules: (await verbs.retention.get()).rules }
        })
        return answer(await trunkline.retention.get(), principal)
      },
    }),
    route({
      method: 'DELETE',
      url: '/retention',
      summary: 'Back to what the settings of the keeper say',
      tag: 'retention',
      access: { role: 'owner', object: 'none' },
      action: 'retention.reset',
      answers: { 200: retention },
      async run({ change, principal, within }) {
        checkUnscoped(within, 'retention')
        await change('retention', async (verbs, note) => {
          const { rules, source, otherwise } = await verbs.retention.get()
          note.before = { source, rules }
          await verbs.retention.reset()
          note.after = otherwise
        })
        return answer(await trunkline.retention.get(), principal)
      },
    }),
    route({
      method: 'POST',
      url: '/retention/preview',
      summary: 'How many ended jobs such rules would remove now; removes nothing',
      tag: 'retention',
      access: { role: 'admin', object: 'none' },
      action: 'retention.preview',
      limit: 'bulk',
      body: newRetention,
      answers: { 200: retentionPreview },
      async run({ body, within }) {
        checkUnscoped(within, 'retention')
        const { groups, ...rest } = await trunkline.retention.preview(optionsOf(body))
        return { ...rest, groups: groups.map((group) => ({ ...group })) }
      },
    }),
  ]
}
